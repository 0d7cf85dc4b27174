import type { FastifySchema, RegisterOptions, RouteOptions } from 'fastify'
import { allowByConfig, type Allow } from './dispatch/guard.ts'
import type { Executor } from './executor.ts'
import { sequential } from './executors/in-process.ts'
import {
  checkOptions, invalidOption, isInteger, isLongSecret, milliseconds, oneOf, positiveInteger, trueOrFalse, type Check
} from './option-checks.ts'
import { resolveRespondAsync, type RespondAsyncOptions, type ResolvedRespondAsync } from './respond-async/options.ts'
import { storageOf, type StoringExecutor } from './storage.ts'
import { defaultInheritHeaders, defaultProtectedHeaders } from './subrequest/headers.ts'
import type { TransactionAdapter } from './transaction.ts'

/** The options of the plugin. All are optional; a wrong one makes `register` fail. */
export interface BatchOptions {
  /** Url of the batch route; the `prefix` of `register` applies. Default `'/batch'`. */
  url?: string
  /** Where subrequests run, and how many at once. Default `sequential()`. */
  executor?: Executor | StoringExecutor
  /** The largest number of items in a batch. Default 20. */
  maxRequests?: number
  /** Headers that subrequests take from the batch request unless the item sets them. */
  inheritHeaders?: readonly string[]
  /** Headers that subrequests take from the batch request, and that no item may set; `name*` is a prefix. */
  protectedHeaders?: readonly string[]
  /** The content type of a body whose item names none. Default `'application/json'`. */
  defaultContentType?: string
  /** Whether subrequests look like https. Default: as the batch request itself does. */
  https?: boolean
  /** The name of the header with the duration in seconds, or `false`. Default `'batch_requests.duration'`. */
  durationHeader?: string | false
  /** The status of an answered batch, whatever its items are answered with: 200 to 299. Default 200. */
  responseStatus?: number
  /** Whether JSON bodies are answered as strings or embedded as JSON. Default `'string'`. */
  responseBody?: 'string' | 'json'
  /** How long a subrequest may take from its start, in milliseconds. Default 25 000. */
  subrequestTimeout?: number
  /** How long a batch may take, in milliseconds. Its `timeout_ms` can only shorten it. Default 50 000. */
  batchTimeout?: number
  /** The largest body of one answer, in bytes. Default 8 MiB. */
  maxResponseBytes?: number
  /**
   * The largest sum of all bodies of a batch's answers, in bytes, at most 64 MiB; of a streamed batch, of those that
   * the client has not taken yet. Default 32 MiB.
   */
  maxBatchResponseBytes?: number
  /**
   * Whether GET and HEAD items that ask for the same, with the same headers, run once and share the answer, unless an
   * item stands between them that may change something. Default `false`.
   */
  dedupe?: boolean
  /** How many items of all batches of the app may be unanswered at a time. Default 1000. */
  maxInFlight?: number
  /**
   * What becomes of `set-cookie`: `'forward'` moves it to the answer of the batch, where a browser takes it and no
   * script reads it, `'expose'` leaves it in the answer of the item, `'drop'` removes it. Default `'forward'`.
   */
  setCookie?: 'forward' | 'expose' | 'drop'
  /**
   * Whether the ids that clients made up in JSON:API documents (`lid`, and `id` of what they created) are replaced, in
   * later items, by those that the server gave. Default `false`.
   */
  jsonApi?: boolean
  /** How batches with `atomic: true` get their transaction. Default: there are none, and such batches are refused. */
  transaction?: TransactionAdapter
  /** Whether a matched route may be batched. Default: unless it has `config: { batch: false }`. */
  allow?: Allow
  /**
   * Shared with the `remote()` executors that may tell handlers of this app their `request.batch`: a string of at least
   * 32 characters, or several while they are changed. Default: none may.
   */
  secret?: string | readonly string[]
  /**
   * Lets batches outlive their connection, for clients that ask for it (`prefer: respond-async`, RFC 7240): with an
   * executor that can store them. Default: none do.
   */
  respondAsync?: RespondAsyncOptions
  /** What else the batch route gets: hooks, `config`, `bodyLimit`, `constraints`, `schema` without `body` … */
  route?: BatchRouteOptions
}

/** What a Fastify route takes, without what makes it the batch route. */
export type BatchRouteOptions =
  Partial<Omit<RouteOptions, 'method' | 'url' | 'handler' | 'validatorCompiler' | 'serializerCompiler' | 'attachValidation' | 'schema'>> &
  { schema?: Omit<FastifySchema, 'body'> }

/** The options with their defaults, checked. */
export type ResolvedOptions =
  Readonly<Required<Omit<BatchOptions, Optional | keyof Resolved>> & Pick<BatchOptions, Optional> & Resolved>

/** Options whose absence says something. */
type Optional = 'https' | 'transaction'

/** Options that are something else once they are resolved. */
interface Resolved {
  readonly secret: readonly string[]
  readonly respondAsync: ResolvedRespondAsync | undefined
}

const headerName = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const headerNameOrPrefix = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+\*?$/
const mediaType = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+\/[\x20-\x7e]+$/
// JSON may need six characters for a byte, and V8 has no string of more than about 2 ** 29.
const maxAnswerBytes = 2 ** 26

const checks: Readonly<Record<keyof BatchOptions, Check>> = {
  url: ['a path', value => typeof value === 'string' && (value === '' || value[0] === '/')],
  executor: ['an executor', isExecutor],
  maxRequests: positiveInteger,
  inheritHeaders: ['an array of header names', value => isArrayOf(value, headerName)],
  protectedHeaders: ['an array of header names and prefixes that end in *', value => isArrayOf(value, headerNameOrPrefix)],
  defaultContentType: ['a media type', value => typeof value === 'string' && mediaType.test(value)],
  https: trueOrFalse,
  durationHeader: ['a header name or false', value => value === false || isArrayOf([value], headerName)],
  responseStatus: ['an integer from 200 to 299 other than 204 and 205', isResponseStatus],
  responseBody: oneOf('string', 'json'),
  subrequestTimeout: milliseconds,
  batchTimeout: milliseconds,
  maxResponseBytes: positiveInteger,
  maxBatchResponseBytes: [`an integer from 1 to ${maxAnswerBytes}`, value => isInteger(value, 1, maxAnswerBytes)],
  dedupe: trueOrFalse,
  maxInFlight: positiveInteger,
  setCookie: oneOf('forward', 'expose', 'drop'),
  jsonApi: trueOrFalse,
  transaction: ['an object with begin, commit and rollback', isTransactionAdapter],
  allow: ['a function', value => typeof value === 'function'],
  secret: ['a string of at least 32 characters, or an array of such', value => [value].flat().every(isLongSecret), true],
  respondAsync: ['an object', isObject],
  route: ['an object', isObject]
}

const reservedForRoute = [
  'method', 'url', 'handler', 'validatorCompiler', 'serializerCompiler', 'attachValidation'
]

/**
 * Checks the options, fills in the defaults and freezes the result.
 * @throws InvalidOptionError names the option, what it must be and what was given
 */
export function resolveOptions (options: BatchOptions): ResolvedOptions {
  // Fastify hands its own options of `register` to the plugin as well.
  const { prefix, logLevel, logSerializers, ...own } = options as BatchOptions & RegisterOptions
  checkOptions(own, checks)

  const resolved = {
    url: options.url ?? '/batch',
    executor: options.executor ?? sequential(),
    maxRequests: options.maxRequests ?? 20,
    inheritHeaders: lowerCase(options.inheritHeaders ?? defaultInheritHeaders),
    protectedHeaders: lowerCase(options.protectedHeaders ?? defaultProtectedHeaders),
    defaultContentType: options.defaultContentType ?? 'application/json',
    https: options.https,
    durationHeader: options.durationHeader ?? 'batch_requests.duration',
    responseStatus: options.responseStatus ?? 200,
    responseBody: options.responseBody ?? 'string',
    subrequestTimeout: options.subrequestTimeout ?? 25_000,
    batchTimeout: options.batchTimeout ?? 50_000,
    maxResponseBytes: options.maxResponseBytes ?? 8 * 2 ** 20,
    maxBatchResponseBytes: options.maxBatchResponseBytes ?? 32 * 2 ** 20,
    dedupe: options.dedupe ?? false,
    maxInFlight: options.maxInFlight ?? 1000,
    setCookie: options.setCookie ?? 'forward',
    jsonApi: options.jsonApi ?? false,
    transaction: options.transaction,
    allow: options.allow ?? allowByConfig,
    secret: [options.secret ?? []].flat(),
    respondAsync: options.respondAsync && resolveRespondAsync(options.respondAsync),
    route: Object.freeze({ ...options.route })
  }
  if (resolved.maxInFlight < resolved.maxRequests) {
    throw invalidOption('maxInFlight', `an integer from maxRequests, which is ${resolved.maxRequests}`, resolved.maxInFlight)
  }
  if (resolved.transaction !== undefined && resolved.executor.inProcess !== true) {
    const { name } = resolved.executor
    throw invalidOption('transaction', `left out, as the executor "${name}" cannot hand it to handlers`, resolved.transaction)
  }
  if (options.allow !== undefined && resolved.executor.inProcess !== true) {
    const { name } = resolved.executor
    throw invalidOption('allow', `left out, as the executor "${name}" matches routes elsewhere: \`config: { batch: false }\` works there`, options.allow)
  }
  if (resolved.respondAsync !== undefined && storageOf(resolved.executor) === undefined) {
    const { name } = resolved.executor
    throw invalidOption('respondAsync', `left out, as the executor "${name}" cannot store batches`, options.respondAsync)
  }
  for (const name of reservedForRoute) {
    if (Object.hasOwn(resolved.route, name)) throw invalidOption(`route.${name}`, 'left to the plugin', options.route![name as never])
  }
  const { schema } = resolved.route
  if (schema !== undefined && Object.hasOwn(schema, 'body')) {
    throw invalidOption('route.schema.body', 'left to the plugin', (schema as FastifySchema).body)
  }
  return Object.freeze(resolved)
}

function isArrayOf (values: unknown, pattern: RegExp): boolean {
  return Array.isArray(values) && values.every(value => typeof value === 'string' && pattern.test(value))
}

function isObject (value: unknown): boolean {
  return typeof value === 'object' && value !== null
}

function isResponseStatus (value: unknown): boolean {
  return isInteger(value, 200, 299) && value !== 204 && value !== 205
}

function isExecutor (value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { name, perBatch, total, execute } = value as Record<keyof Executor, unknown>
  return typeof name === 'string' && typeof execute === 'function' && [perBatch, total].every(isLimit)
}

function isTransactionAdapter (value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { begin, commit, rollback } = value as Record<keyof TransactionAdapter, unknown>
  return [begin, commit, rollback].every(method => typeof method === 'function')
}

function isLimit (value: unknown): boolean {
  return value === Infinity || isInteger(value, 1, Infinity)
}

function lowerCase (names: readonly string[]): readonly string[] {
  return Object.freeze(names.map(name => name.toLowerCase()))
}
