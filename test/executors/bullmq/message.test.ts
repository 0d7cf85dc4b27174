// Subrequests and answers cross unchanged, whatever is in them.
import fc from 'fast-check'
import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import {
  readAnswer, readBatch, readOutcome, readTask, writeAnswer, writeBatch, writeOutcome, writeTask
} from '../../../lib/executors/bullmq/message.ts'

const text = fc.string({ unit: 'binary' })
const bytes = fc.uint8Array({ maxLength: 100 }).map(bytes => Buffer.from(bytes))
const headers = fc.dictionary(text, text, { noNullPrototype: true })
const certificate = fc.record({
  subject: fc.dictionary(text, text, { noNullPrototype: true }), raw: bytes, pubkey: bytes
}, { noNullPrototype: true, requiredKeys: ['subject'] })
const connection = fc.record({
  remoteAddress: fc.ipV6(), remotePort: fc.nat(65_535), encrypted: fc.constant(true), peerCertificate: certificate
}, { noNullPrototype: true, requiredKeys: [] })
const batch = fc.record({
  requestId: text, index: fc.nat(), size: fc.nat(), id: text, deadline: fc.nat()
}, { noNullPrototype: true })
const subrequest = fc.record({
  method: text, url: text, headers, body: fc.option(bytes, { nil: undefined }), connection, batch, route: text
}, { noNullPrototype: true })
const subresponse = fc.record({
  status: fc.nat(),
  reason: text,
  headers: fc.dictionary(text, fc.oneof(text, fc.array(text)), { noNullPrototype: true }),
  body: bytes,
  outcome: fc.constantFrom('not_started', 'unknown'),
  code: text
}, { noNullPrototype: true, requiredKeys: ['status', 'reason', 'headers', 'body'] })

t.test('tasks', async t => {
  fc.assert(fc.property(subrequest, fc.nat(), (subrequest, maxResponseBytes) => {
    const task = { subrequest, maxResponseBytes }
    return isDeepStrictEqual(readTask(writeTask(task as never)), task)
  }), { numRuns: 200 })
  t.pass('all')
})

t.test('answers', async t => {
  fc.assert(fc.property(subresponse, subresponse =>
    isDeepStrictEqual(readAnswer(writeAnswer(subresponse as never)), subresponse)), { numRuns: 200 })
  t.pass('all')
})

t.test('answers whose body is text: its bytes cross', async t => {
  fc.assert(fc.property(subresponse, text, (subresponse, body) => {
    const answer = readAnswer(writeAnswer({ ...subresponse, body } as never))
    return isDeepStrictEqual(answer, { ...subresponse, body: Buffer.from(body) })
  }), { numRuns: 200 })
  t.pass('all')
})

t.test('outcomes', async t => {
  const outcome = fc.record({
    index: fc.nat(), id: text, method: text, url: text, subresponse, duration: fc.nat(), abandoned: fc.boolean()
  }, { noNullPrototype: true, requiredKeys: ['index', 'method', 'subresponse', 'duration', 'abandoned'] })
  fc.assert(fc.property(outcome, outcome =>
    isDeepStrictEqual(readOutcome(writeOutcome(outcome as never)), outcome)), { numRuns: 200 })
  t.pass('all')
})

t.test('batches', async t => {
  const body = fc.record({ batch: fc.array(fc.json().map(text => JSON.parse(text))) }, { noNullPrototype: true })
  const parent = fc.record({
    requestId: text, route: text, size: fc.nat(), headers, connection
  }, { noNullPrototype: true })
  fc.assert(fc.property(body, parent, (body, parent) => {
    const batch = JSON.parse(JSON.stringify({ body }))
    return isDeepStrictEqual(readBatch(writeBatch({ ...batch, parent } as never)), { ...batch, parent })
  }), { numRuns: 200 })
  t.pass('all')
})
