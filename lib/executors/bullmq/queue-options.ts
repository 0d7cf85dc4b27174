import type { RedisOptions } from 'ioredis'
import { checkOptions, invalidOption, type Check } from '../../option-checks.ts'

/** The options that both ends of a queue have. */
export const queueChecks = {
  connection: ['options of ioredis or a client of it, without keyPrefix', isConnection],
  queue: ['a name without colons', value => typeof value === 'string' && /^[^:]+$/.test(value)],
  prefix: ['a string', value => typeof value === 'string']
} as const satisfies Record<string, Check>

/** BullMQ has a prefix of its own. */
function isConnection (value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { keyPrefix } = 'options' in value ? value.options as RedisOptions : value as RedisOptions
  return keyPrefix === undefined || keyPrefix === ''
}

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
