// Random apps and requests: over a socket, by inject and by direct, the same hooks run and the same answer comes.
import assert from 'node:assert/strict'
import { Agent } from 'node:http'
import fc from 'fast-check'
import t from 'tap'
import { type BatchItem } from '../../lib/index.ts'
import { appSpec, buildRandom, requestSpec, type RequestSpec } from '../fixtures/random-app.ts'
import { dispatches, listen, request, sendBatch } from '../helper.ts'

// What an answer that came over a socket of its own has otherwise. docs/dispatch.md names them.
const left = new Set(['connection', 'keep-alive', 'transfer-encoding', 'date', 'batch_requests.duration'])

t.test('the same hooks run, and the same answer comes', async t => {
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => { agent.destroy() })
  const requests = fc.array(requestSpec, { minLength: 4, maxLength: 12 })
  await fc.assert(fc.asyncProperty(appSpec, requests, async (spec, requests) => {
    const { app, trace } = buildRandom(spec)
    await listen(app)
    try {
      const expected: unknown[] = []
      for (const [index, each] of requests.entries()) {
        const name = `socket ${index}`
        const { status, reason, rawHeaders, body } = await request(app, { ...write(each, name).direct, agent })
        const hooks = await hooksOf(name)
        expected.push({ status, reason, headers: grouped(rawHeaders), body: read(body, index), hooks })
      }
      for (const dispatch of dispatches) {
        const items = requests.map((each, index) => write(each, `${dispatch} ${index}`).item)
        const { batch } = await sendBatch(app, items, { path: `/${dispatch}`, agent, headers: { 'user-agent': 'random' } })
        for (const [index, answer] of batch.entries()) {
          const { status_code: status, reason_phrase: reason, headers, body: text, body_encoding: encoding } = answer
          const body = read(Buffer.from(text, encoding as 'base64' | undefined), index)
          const hooks = await hooksOf(`${dispatch} ${index}`)
          const given = { status, reason, headers: grouped(Object.entries(headers).flat() as string[]), body, hooks }
          assert.deepEqual(given, expected[index])
        }
      }
    } finally {
      await app.close()
    }

    async function hooksOf (name: string) {
      const { words, over } = trace(name)
      await over.promise
      return words
    }
  }), { numRuns: 100, seed: 20261122 })
})

/** Gives an item, and the same request for a socket. */
function write ({ method, name, where, query, headers, content }: RequestSpec, trace: string) {
  const [type, body] = content ?? []
  const url = `${where}/${name.replaceAll(' ', '-')}${query}`
  const all = { ...headers, 'x-trace': trace, 'user-agent': 'random', ...type !== undefined && { 'content-type': type } }
  const item: BatchItem = { method, url, headers: all, body }
  const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }
  return { item, direct: { method, path: url, headers: { ...all, ...length }, body } }
}

/** Gives the values that come after each name. */
function grouped (namesAndValues: ReadonlyArray<string | string[]>) {
  const headers: Record<string, string[]> = {}
  for (let i = 0; i < namesAndValues.length; i += 2) {
    const name = String(namesAndValues[i]).toLowerCase()
    if (!left.has(name)) (headers[name] ??= []).push(...[namesAndValues[i + 1]!].flat())
  }
  return headers
}

/** An echo shows which of the three it was. */
function read (body: Buffer, index: number): string {
  return body.toString('latin1').replaceAll(new RegExp(`(socket|inject|direct) ${index}\\b`, 'g'), 'trace')
}
