import { tracingChannel } from 'node:diagnostics_channel'

/** Published on `tracing:fastify-batch-requests.batch:*` for every batch that was accepted. */
export interface BatchMessage {
  /** The id of the batch request. */
  readonly requestId: string
  /** The url pattern of the batch route. */
  readonly route: string
  /** How many items the batch has. */
  readonly size: number
}

/** Published on `tracing:fastify-batch-requests.subrequest:*` for every subrequest that was started. */
export interface SubrequestMessage {
  /** The id of the batch request. */
  readonly requestId: string
  readonly index: number
  readonly method: string
  readonly url: string
  /** How it ended. Set when it has. */
  result?: {
    readonly subresponse: { readonly status: number, readonly outcome?: string }
    /** Milliseconds. */
    readonly duration: number
    /** Whether its handler may go on, after it was answered for it: out of time, client gone. */
    readonly abandoned: boolean
  }
}

/** The tracing channels of this plugin. Nothing is published, and nothing paid, where nobody subscribes. */
export const channels = Object.freeze({
  batch: tracingChannel<unknown, BatchMessage>('fastify-batch-requests.batch'),
  subrequest: tracingChannel<unknown, SubrequestMessage>('fastify-batch-requests.subrequest')
})
