import { checkOptions, invalidOption, type Check } from '../../option-checks.ts'

/** The options that both ends of a queue have. */
export const queueChecks = {
  connection: ['options of ioredis or a client of it', value => typeof value === 'object' && value !== null],
  queue: ['a name without colons', value => typeof value === 'string' && /^[^:]+$/.test(value)],
  prefix: ['a string', value => typeof value === 'string']
} as const satisfies Record<string, Check>

/**
 * Checks the options of one end of a queue.
 * @throws InvalidOptionError
 */
export function checkQueueOptions (
  options: object, checks: Readonly<Record<string, Check>>, needed: readonly string[]
): void {
  checkOptions(options, checks)
  for (const name of needed) {
    if (!Object.hasOwn(options, name)) throw invalidOption(name, checks[name]![0], undefined)
  }
}
