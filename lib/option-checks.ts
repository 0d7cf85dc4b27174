import { inspect } from 'node:util'
import { InvalidOptionError } from './errors.ts'
import { excerpt } from './excerpt.ts'

/** What an option must be, in words and as a test. A value that is secret is in no message. */
export type Check = readonly [wanted: string, holds: (value: unknown) => boolean, isSecret?: true]

// setTimeout keeps its delay in 32 bits, and fires at once where they do not suffice.
const maxTimeout = 2 ** 31 - 1

export const positiveInteger: Check = ['an integer from 1', value => isInteger(value, 1, Infinity)]
export const trueOrFalse: Check = ['true or false', value => typeof value === 'boolean']
export const milliseconds: Check = [`an integer from 1 to ${maxTimeout}`, value => isInteger(value, 1, maxTimeout)]

/** A secret that no search finds. */
export const longSecret: Check = ['a string of at least 32 characters', isLongSecret, true]

export function oneOf (...values: readonly string[]): Check {
  return [values.map(value => `'${value}'`).join(' or '), value => values.includes(value as string)]
}

export function isLongSecret (value: unknown): boolean {
  return typeof value === 'string' && value.length >= 32
}

export function isInteger (value: unknown, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max
}

/**
 * Checks every option that was given. `place` is what stands before its name.
 * @throws InvalidOptionError names the option, what it must be and what was given
 */
export function checkOptions (options: object, checks: Readonly<Record<string, Check>>, place = ''): void {
  for (const [key, value] of Object.entries(options)) {
    const name = place + key
    if (!Object.hasOwn(checks, key)) throw invalidOption(name, 'left out, as there is no such option', value)
    const [wanted, holds, isSecret] = checks[key]!
    if (value === undefined || holds(value)) continue
    throw isSecret ? new InvalidOptionError(name, wanted, 'something else') : invalidOption(name, wanted, value)
  }
}

export function invalidOption (name: string, wanted: string, given: unknown): Error {
  return new InvalidOptionError(name, wanted, excerpt(inspect(given, { depth: 1, breakLength: Infinity })))
}
