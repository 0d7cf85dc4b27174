import assert from 'node:assert/strict'
import fc from 'fast-check'
import { expectedAnswers } from './expected.js'
import { goodBatch } from './plans.js'
import { readAnswers, seen, startServers } from './servers.js'

/** Batches that are right: every executor answers them as the documents say, and so as every other one does. */
export async function valid ({ runs, seed, show }) {
  const { servers, close } = await startServers({ maxResponseBytes: 2 ** 20, maxBatchResponseBytes: 2 ** 25 })
  const property = fc.asyncProperty(goodBatch, fc.boolean(), async (batch, lines) => {
    const expected = expectedAnswers(batch)
    const unstopped = expectedAnswers({ batch: batch.batch })
    for (const server of servers) {
      show({ server: server.name, batch })
      seen.forget()
      const response = await server.send(JSON.stringify(batch), lines ? { accept: 'application/x-ndjson' } : {})
      assert.equal(response.status, 200, response.body)
      checkAnswers(batch, server.inOrder ? expected : unstopped, readAnswers(response), server)
    }
    const [server] = servers
    const direct = batch.batch.findIndex(({ bind }) => bind === undefined)
    if (direct >= 0) await checkDirect(batch.batch[direct], server)
  })
  try {
    await fc.assert(property, { numRuns: runs, seed })
  } finally {
    await close()
  }
  return { batches: runs, 'to each of': servers.map(({ name }) => name).join('; ') }
}

function checkAnswers ({ batch: items, on_error: onError }, expected, { batch, summary }, { inOrder, inProcess }) {
  const { answers, sources } = expected
  assert.equal(batch.length, items.length)
  let failed = 0
  for (const [index, item] of items.entries()) {
    const answer = batch[index]
    const place = `batch/${index}`
    assert.equal(answer.id, item.id, place)
    assert.equal(answer.headers['x-finding'], undefined)
    const started = answer.outcome !== 'not_started'
    assert.equal(seen.events.filter(([event, at]) => event === 'start' && at === index).length, started ? 1 : 0, place)
    if (started && answer.status_code >= 400) failed++
    // Of what runs at the same time, it is open which one stops the rest.
    if (onError === 'stop' && !inOrder && !started) continue
    const { status, started: isStarted, seen: shown } = answers[index]
    assert.deepEqual([answer.status_code, started], [status, isStarted], place)
    if (!started) continue
    assert.equal(answer.headers['x-tag'], shown.headers['x-tag'], place)
    assert.deepEqual(shown.body === '' ? answer.body : JSON.parse(answer.body), shown.body, place)
    if (inProcess) checkOrder(index, sources[index])
  }
  const left = batch.filter(({ outcome }) => outcome === 'not_started').length
  assert.deepEqual(
    [summary.total, summary.ok, summary.failed, summary.not_started],
    [items.length, items.length - failed - left, failed, left])
  assert.equal(seen.settled, seen.started)
}

/** What an item waits for has ended before it starts. */
function checkOrder (index, sources) {
  const start = seen.events.findIndex(([event, at]) => event === 'start' && at === index)
  for (const source of sources) {
    const answer = seen.events.findIndex(([event, at]) => event === 'answer' && at === source)
    assert.ok(answer >= 0 && answer < start, `batch/${index} started before batch/${source} was answered`)
  }
}

/** The same request without a batch. */
async function checkDirect (item, server) {
  const { answers: [expected] } = expectedAnswers({ batch: [{ ...item, depends_on: [] }] })
  const { status, seen: { headers: expectedHeaders, body } } = expected
  const text = item.body === undefined ? undefined : JSON.stringify(item.body)
  const headers = {
    ...text !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) },
    ...item.headers && { 'x-tag': item.headers['X-Tag'].trim() }
  }
  const response = await server.request({ method: item.method.toUpperCase(), path: item.url, headers }, text)
  assert.equal(response.status, status)
  assert.equal(response.headers['x-tag'], expectedHeaders['x-tag'])
  assert.deepEqual(response.body === '' ? '' : JSON.parse(response.body), body)
}
