import createError from '@fastify/error'

// Registration

/** An option has the wrong type or value. Thrown by `register`. */
export const InvalidOptionError = createError<[name: string, wanted: string, given: string]>(
  'FST_BATCH_INVALID_OPTION', 'option "%s" must be %s, got %s', 500, TypeError)

/** A worker of a process pool did not get its app ready. Thrown by `ready`, if it was the first attempt. */
export const WorkerBootError = createError<[reason: string, options?: ErrorOptions]>(
  'FST_BATCH_WORKER_BOOT', 'a worker could not boot: %s', 500)

// The batch as a whole: refused before anything runs

/** The batch is not `application/json`, or its charset is not utf-8. */
export const UnsupportedMediaTypeError = createError<[given: string]>(
  'FST_BATCH_UNSUPPORTED_MEDIA_TYPE', 'a batch must be application/json in utf-8, got %s', 415)

/** The body does not have the shape of a batch. Names the place. */
export const InvalidBatchError = createError<[place: string, reason: string]>(
  'FST_BATCH_INVALID_BATCH', '%s: %s', 400)

/** The batch has more items than `maxRequests`. */
export const TooManyRequestsError = createError<[given: number, limit: number]>(
  'FST_BATCH_TOO_MANY_REQUESTS', 'batch: has %d items, the limit is %d', 400)

/** An item's method is one that the app does not support. */
export const InvalidMethodError = createError<[place: string, reason: string]>(
  'FST_BATCH_INVALID_METHOD', '%s: %s', 400)

/** An item's url is not a plain absolute path. */
export const InvalidUrlError = createError<[place: string, reason: string]>(
  'FST_BATCH_INVALID_URL', '%s: %s', 400)

/** An item's header has a name or a value that HTTP does not allow, or there are too many. */
export const InvalidHeaderError = createError<[place: string, reason: string]>(
  'FST_BATCH_INVALID_HEADER', '%s: %s', 400)

/** An item sets a header that only the batch request may carry. */
export const ProtectedHeaderError = createError<[place: string]>(
  'FST_BATCH_PROTECTED_HEADER', '%s: is taken from the batch request, an item may not set it', 400)

/** An item's body cannot be sent. */
export const InvalidBodyError = createError<[place: string, reason: string, options?: ErrorOptions]>(
  'FST_BATCH_INVALID_BODY', '%s: %s', 400)

/** An id is unknown or given twice, or items wait for each other. */
export const InvalidDependencyError = createError<[place: string, reason: string]>(
  'FST_BATCH_INVALID_DEPENDENCY', '%s: %s', 400)

/** A binding has no source or no target, or, once its value is known, the value cannot stand there. */
export const InvalidBindingError = createError<[place: string, reason: string]>(
  'FST_BATCH_INVALID_BINDING', '%s: %s', 400)

/** The batch is atomic, and the route has no `transaction`. */
export const NoTransactionsError = createError<[]>(
  'FST_BATCH_NO_TRANSACTIONS', 'atomic: this route has no transactions', 400)

/** Accepting the batch would pass `maxInFlight`. */
export const OverloadedError = createError<[limit: number]>(
  'FST_BATCH_OVERLOADED', 'the limit of %d items in flight would be passed', 503)

/** `inject` no longer keeps what tells a subrequest from other requests: every injected request is refused. */
export const UnsupportedInjectError = createError<[]>(
  'FST_BATCH_UNSUPPORTED_INJECT', 'this version of light-my-request is not supported', 500)

// One item: its answer, while the others go on

/** The item is itself a batch, or a handler inside a subrequest sent one. */
export const NestedBatchError = createError<[]>(
  'FST_BATCH_NESTED', 'a batch may not be sent from inside a batch', 400)

/** The matched route has `config: { batch: false }`, or `allow` refused it. */
export const RouteNotAllowedError = createError<[method: string, url: string]>(
  'FST_BATCH_ROUTE_NOT_ALLOWED', 'route %s %s may not be batched', 403)

/** The handler closed the connection instead of answering. */
export const ConnectionResetError = createError<[options?: ErrorOptions]>(
  'FST_BATCH_CONNECTION_RESET', 'the connection was reset before the answer was complete', 502)

/** A plugin that comes before this one has answered, and has taken away what `inject` reads answers with. */
export const LostAnswerError = createError<[]>(
  'FST_BATCH_ANSWER_LOST', 'inject lost the answer of a plugin that was registered before fastify-batch-requests', 502)

/** The final status is below 200, which a client would not take for an answer, or has more than three digits. */
export const InvalidStatusError = createError<[status: string]>(
  'FST_BATCH_INVALID_STATUS', 'a final answer may not have the status %s', 502)

/** The answer is larger than `maxResponseBytes`, or than what is left of `maxBatchResponseBytes`. */
export const ResponseTooLargeError = createError<[limit: number]>(
  'FST_BATCH_RESPONSE_TOO_LARGE', 'the answer is larger than the %d bytes left for it', 502)

/** The executor failed; the cause is in the log. */
export const ExecutorFailedError = createError<[executor: string, options: ErrorOptions]>(
  'FST_BATCH_EXECUTOR_FAILED', 'the executor "%s" failed', 502)

/** The worker process that ran the subrequest ended before it had answered. */
export const WorkerDiedError = createError<[options?: ErrorOptions]>(
  'FST_BATCH_WORKER_DIED', 'the worker process ended before the answer was complete', 502)

/** The queue could not be reached. The item is not in it: it was not started and will not be. */
export const QueueUnavailableError = createError<[options?: ErrorOptions]>(
  'FST_BATCH_QUEUE_UNAVAILABLE', 'the queue could not be reached', 503)

/** No worker took the item out of the queue in time. It is no longer there. */
export const QueueTimeoutError = createError<[milliseconds: number]>(
  'FST_BATCH_QUEUE_TIMEOUT', 'no worker took it within %d ms', 503)

/** The queue does not have the item any more, and no answer to it: Redis lost data. */
export const QueueLostError = createError<[]>(
  'FST_BATCH_QUEUE_LOST', 'the queue lost it', 502)

/** No worker process runs, and the last attempts to start one failed; the cause is in the log. */
export const NoWorkersError = createError<[]>(
  'FST_BATCH_NO_WORKERS', 'there is no worker process', 503)

/** There was no connection to an upstream, so nothing was sent; the cause is in the log. */
export const UpstreamUnreachableError = createError<[options: ErrorOptions]>(
  'FST_BATCH_UPSTREAM_UNREACHABLE', 'there was no connection to the upstream', 503)

/** An upstream answered with what is not HTTP; the cause is in the log. */
export const InvalidResponseError = createError<[options: ErrorOptions]>(
  'FST_BATCH_INVALID_RESPONSE', 'the upstream answered with what is not HTTP', 502)

/** An item asks for a tunnel, which an upstream would not take for a request. */
export const TunnelError = createError<[]>(
  'FST_BATCH_TUNNEL', 'CONNECT cannot be sent to an upstream', 501)

/** The server is closing: the item was not started. */
export const ClosingError = createError<[]>(
  'FST_BATCH_CLOSING', 'the server is closing', 503)

/** The client went away: nothing further starts, and what runs is aborted. */
export const ClientGoneError = createError<[]>(
  'FST_BATCH_CLIENT_GONE', 'the client closed the connection', 503)

/** The subrequest had no answer after `subrequestTimeout`. */
export const SubrequestTimeoutError = createError<[milliseconds: number]>(
  'FST_BATCH_SUBREQUEST_TIMEOUT', 'no answer within %d ms', 504)

/** The batch was not finished after `batchTimeout`. */
export const BatchTimeoutError = createError<[milliseconds: number]>(
  'FST_BATCH_TIMEOUT', 'the batch was not finished within %d ms', 504)

/** An item that this one depends on ended with a status of 400 or more. */
export const DependencyFailedError = createError<[id: string, status: number]>(
  'FST_BATCH_DEPENDENCY_FAILED', 'depends on "%s", which was answered %d', 424)

/** The answer that a binding takes its value from does not have it. */
export const MissingValueError = createError<[place: string, source: string]>(
  'FST_BATCH_MISSING_VALUE', '%s: there is no %s', 424)

/** The batch stops at its first error, and another item had one. */
export const StoppedError = createError<[index: number, status: number]>(
  'FST_BATCH_STOPPED', 'the batch stopped at batch/%d, which was answered %d', 424)

/** The batch is atomic, and another item failed: what this one did was undone. */
export const RolledBackError = createError<[]>(
  'FST_BATCH_ROLLED_BACK', 'undone, as another item of the transaction failed', 424)

/** The transaction of an atomic batch could not begin; the cause is in the log. */
export const BeginFailedError = createError<[options: ErrorOptions]>(
  'FST_BATCH_BEGIN_FAILED', 'the transaction could not begin', 503)

/** Everything succeeded, but the commit failed, or did not end in time; the cause is in the log. */
export const CommitFailedError = createError<[options: ErrorOptions]>(
  'FST_BATCH_COMMIT_FAILED', 'the transaction could not be committed', 500)

/** An item failed, and so did the rollback, or it did not end in time; the cause is in the log. */
export const RollbackFailedError = createError<[options: ErrorOptions]>(
  'FST_BATCH_ROLLBACK_FAILED', 'the transaction could not be rolled back', 500)

/** The batch was cancelled before the item was started. */
export const CancelledError = createError<[]>(
  'FST_BATCH_CANCELLED', 'the batch was cancelled', 424)

/** A stored batch was to be run on, and its route does not take it any more; the cause is in the log. */
export const NotResumedError = createError<[options: ErrorOptions]>(
  'FST_BATCH_NOT_RESUMED', 'the batch route does not take this batch any more', 500)

/** There is no stored batch of this id, or it is somebody else's, or it has expired. */
export const NoSuchBatchError = createError<[]>(
  'FST_BATCH_NOT_FOUND', 'there is no such batch', 404)

/** The `idempotency-key` was used before, with another batch. */
export const IdempotencyKeyReusedError = createError<[]>(
  'FST_BATCH_IDEMPOTENCY_KEY_REUSED', 'the idempotency-key was used for another batch', 422)

/** So many stored batches are unfinished that this one was not stored. */
export const StorageFullError = createError<[limit: number]>(
  'FST_BATCH_STORAGE_FULL', 'more than %d batches would be unfinished', 503)
