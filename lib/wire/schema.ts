import { Type, type Static, type TSchema } from '@sinclair/typebox'

/** What an item may be called: 1 to 64 characters that no url has to encode. */
const itemId = Type.String({
  pattern: '^[A-Za-z0-9._~-]{1,64}$',
  description: 'Name of this item within its batch'
})

/** One entry of a batch, as the client sends it. Unknown keys are refused by name. */
export const batchItem = Type.Object({
  id: Type.Optional(itemId),
  method: Type.String({
    description: 'HTTP method, in any letter case: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, CONNECT, TRACE or another one that the server supports'
  }),
  url: Type.String({
    description: 'Path with an optional query, from the root of this server'
  }),
  headers: Type.Optional(stringRecord(Type.String(), {
    description: 'Headers of this request, beside those that it takes from the batch request'
  })),
  body: Type.Optional(Type.Unknown({
    description: 'A string is sent as it is, any other value is sent as JSON'
  })),
  body_encoding: Type.Optional(Type.Literal('base64', {
    description: 'The body is a string that holds bytes in base64 (RFC 4648 section 4)'
  })),
  depends_on: Type.Optional(Type.Array(itemId, {
    description: 'Runs after the items of these ids, and only if none of them ends with a status of 400 or more'
  })),
  bind: Type.Optional(stringRecord(Type.String(), {
    description: 'Values from earlier answers: from a place in this item (/url/NAME, /headers/NAME, /body…) to an id and a JSON Pointer into its answer (id/body/…)'
  }))
}, { additionalProperties: false })

/** One entry of a batch, as the client sends it. */
export type BatchItem = Static<typeof batchItem>

/**
 * Makes the schema of the body of a batch request.
 * It is also what the OpenAPI document shows: clients learn the limit from `maxItems`.
 */
export function batchBody (maxRequests: number) {
  return Type.Object({
    batch: Type.Array(batchItem, { minItems: 1, maxItems: maxRequests }),
    on_error: Type.Optional(Type.Union([Type.Literal('continue'), Type.Literal('stop')], {
      default: 'continue',
      description: 'stop: after the first status of 400 or more nothing further starts'
    })),
    atomic: Type.Optional(Type.Boolean({
      default: false,
      description: 'One after another in one transaction: any status of 400 or more rolls all back'
    })),
    timeout_ms: Type.Optional(Type.Integer({
      minimum: 1,
      maximum: 2 ** 31 - 1,
      description: 'How long the batch may take, in milliseconds. It can only shorten what the server allows'
    }))
  }, {
    additionalProperties: false,
    examples: [{
      batch: [
        { method: 'get', url: '/views/' },
        {
          method: 'post',
          url: '/views/',
          headers: { 'Content-Type': 'application/json' },
          body: '{"text": "some text"}'
        }
      ]
    }]
  })
}

/** The body of a batch request. */
export type BatchBody = Static<ReturnType<typeof batchBody>>

/** The answer to one item. */
export const batchItemResponse = Type.Object({
  id: Type.Optional(itemId),
  status_code: Type.Integer({ description: 'HTTP status' }),
  reason_phrase: Type.String({ description: 'Reason phrase of the status line' }),
  headers: stringRecord(Type.Union([Type.String(), Type.Array(Type.String()), Type.Number()]), {
    description: 'Names are lower case; a header that was sent several times is an array; the duration is a number, in seconds'
  }),
  body: Type.Unknown({
    description: 'A string, or the JSON value itself where the server embeds JSON bodies'
  }),
  body_encoding: Type.Optional(Type.Union([Type.Literal('base64'), Type.Literal('text')], {
    description: 'base64: the body is bytes that are not text. text: the body is a string although its media type is JSON, because it does not parse'
  })),
  outcome: Type.Optional(Type.Union([Type.Literal('not_started'), Type.Literal('unknown'), Type.Literal('rolled_back')], {
    description: 'Only where the item did not simply complete. not_started: it had no effect. unknown: it was running and may have had effects. rolled_back: its effects were undone'
  }))
})

/** The answer to one item. */
export type BatchItemResponse = Static<typeof batchItemResponse>

/** Whether everything succeeded, and what to send again: an answer without a look at every item. */
export const batchSummary = Type.Object({
  total: Type.Integer({ description: 'Number of items: the sum of the next three' }),
  ok: Type.Integer({ description: 'Items that completed with a status below 400' }),
  failed: Type.Integer({ description: 'Items that ran and did not succeed, or whose effects were undone' }),
  not_started: Type.Integer({ description: 'Items that did not run' }),
  retry: Type.Array(Type.Integer(), {
    description: 'Indexes of the items that are worth sending again as they are, and do no harm twice'
  }),
  retry_after: Type.Optional(Type.Integer({
    description: 'Seconds to wait before that: the largest retry-after of their answers'
  }))
})

/** Whether everything succeeded, and what to send again. */
export type BatchSummary = Static<typeof batchSummary>

/** The body of the answer to a batch: one answer for each item, in the order of the items. */
export const batchResponse = Type.Object({
  batch: Type.Array(batchItemResponse),
  summary: batchSummary
}, {
  examples: [{
    batch: [
      {
        status_code: 200,
        reason_phrase: 'OK',
        headers: { 'content-type': 'text/html; charset=utf-8', 'batch_requests.duration': 0.003 },
        body: 'Success!'
      },
      {
        status_code: 201,
        reason_phrase: 'Created',
        headers: { 'content-type': 'application/json; charset=utf-8', 'batch_requests.duration': 0.004 },
        body: '{"text": "some text"}'
      }
    ],
    summary: { total: 2, ok: 2, failed: 0, not_started: 0, retry: [] }
  }]
})

/** The body of the answer to a batch. */
export type BatchResponse = Static<typeof batchResponse>

/** How far a batch has come that outlives its connection. */
export const batchProgress = Type.Object({
  total: Type.Integer({ description: 'Number of items' }),
  done: Type.Integer({ description: 'How many of them are answered' }),
  items: Type.Array(Type.Object({
    id: Type.Optional(itemId),
    state: Type.Union([Type.Literal('waiting'), Type.Literal('running'), Type.Literal('done')]),
    status_code: Type.Optional(Type.Integer({ description: 'Of its answer, once it is done' }))
  }), { description: 'In the order of the items' })
})

/** How far a batch has come that outlives its connection. */
export type BatchProgress = Static<typeof batchProgress>

/** One line of a streamed answer: that to one item, as soon as it is ready. */
export const batchItemLine = Type.Object({
  index: Type.Integer({ description: 'The place of the item in the batch, from 0' }),
  ...batchItemResponse.properties,
  set_cookie: Type.Optional(Type.Literal('dropped', {
    description: 'The item set cookies after the head of the answer had been sent: the client does not get them'
  }))
})

/** One line of a streamed answer: that to one item, as soon as it is ready. */
export type BatchItemLine = Static<typeof batchItemLine>

/** The last line of a streamed answer. Without it, the answer is not whole. */
export const batchSummaryLine = Type.Object({
  summary: batchSummary,
  headers: Type.Optional(stringRecord(Type.Number(), {
    description: 'What was not known when the head was sent: the duration of the batch, in seconds'
  }))
})

/** The last line of a streamed answer. Without it, the answer is not whole. */
export type BatchSummaryLine = Static<typeof batchSummaryLine>

/** Each line of a streamed answer (application/x-ndjson): one for each item in any order, and the summary. */
export const batchLine = Type.Union([batchItemLine, batchSummaryLine], {
  description: 'Each line is one of these: one for each item, as soon as its answer is ready, and the summary as the last'
})

/** Each line of a streamed answer. */
export type BatchLine = Static<typeof batchLine>

// Type.Record writes patternProperties, which OpenAPI 3.0 does not have.
function stringRecord<Value extends TSchema> (value: Value, options: { description: string }) {
  return Type.Unsafe<Record<string, Static<Value>>>(Type.Object({}, { ...options, additionalProperties: value }))
}
