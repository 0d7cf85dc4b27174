import { Type, type Static, type TSchema } from '@sinclair/typebox'

/** One entry of a batch, as the client sends it. Unknown keys are refused by name. */
export const batchItem = Type.Object({
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
    batch: Type.Array(batchItem, { minItems: 1, maxItems: maxRequests })
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
  outcome: Type.Optional(Type.Union([Type.Literal('not_started'), Type.Literal('unknown')], {
    description: 'Only where the item did not complete. not_started: it had no effect. unknown: it was running and may have had effects'
  }))
})

/** The answer to one item. */
export type BatchItemResponse = Static<typeof batchItemResponse>

/** The body of the answer to a batch: one answer for each item, in the order of the items. */
export const batchResponse = Type.Object({
  batch: Type.Array(batchItemResponse)
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
    ]
  }]
})

/** The body of the answer to a batch. */
export type BatchResponse = Static<typeof batchResponse>

// Type.Record writes patternProperties, which OpenAPI 3.0 does not have.
function stringRecord<Value extends TSchema> (value: Value, options: { description: string }) {
  return Type.Unsafe<Record<string, Static<Value>>>(Type.Object({}, { ...options, additionalProperties: value }))
}
