// A server with two batch routes, and the batches of the README sent to it. Start it with `npm start`.
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify from 'fastify'
import batch, { concurrent } from 'fastify-batch-requests'

const app = Fastify()

app.get('/views/', async (request, reply) => reply.type('text/html; charset=utf-8').send('Success!'))
app.post('/views/', async (request, reply) => reply.code(201).send(request.body))
app.get('/sleep/', async request => {
  await sleep(Number(request.query.seconds) * 1000)
  return 'Success!'
})
app.get('/me', async (request, reply) => {
  if (request.headers.authorization !== 'Bearer ada') return reply.code(401).send({ error: 'who are you?' })
  return { name: 'Ada', batch: request.batch }
})
app.get('/alone', { config: { batch: false } }, async () => 'not in a batch')

app.register(batch)
app.register(batch, { prefix: '/concurrent', executor: concurrent() })

const origin = await app.listen({ port: Number(process.env.PORT ?? 3000) })

await show('Two requests in one', '/batch', [
  { method: 'get', url: '/views/' },
  { method: 'post', url: '/views/', headers: { 'Content-Type': 'application/json' }, body: '{"text": "some text"}' }
])
await show('One after another', '/batch', [
  { method: 'get', url: '/sleep/?seconds=1' },
  { method: 'get', url: '/sleep/?seconds=1' }
])
await show('At the same time', '/concurrent/batch', [
  { method: 'get', url: '/sleep/?seconds=1' },
  { method: 'get', url: '/sleep/?seconds=1' }
])
await show('Each item is asked who is calling, and each may fail alone', '/batch', [
  { method: 'get', url: '/me' },
  { method: 'get', url: '/me', headers: { authorization: 'Bearer eve' } },
  { method: 'get', url: '/alone' },
  { method: 'get', url: '/nowhere' }
])

console.log(`
The server stays up at ${origin}. Try:

  curl ${origin}/batch -H 'content-type: application/json' \\
    -d '{"batch": [{"method": "get", "url": "/views/"}, {"method": "get", "url": "/me"}]}'

  curl ${origin}/concurrent/batch -H 'content-type: application/json' \\
    -d '{"batch": [{"method": "get", "url": "/sleep/?seconds=2"}, {"method": "get", "url": "/sleep/?seconds=2"}]}'

  curl -N ${origin}/concurrent/batch -H 'accept: application/x-ndjson' -H 'content-type: application/json' \\
    -d '{"batch": [{"method": "get", "url": "/sleep/?seconds=2"}, {"method": "get", "url": "/views/"}]}'

Ctrl-C ends it.`)

async function show (title, path, items) {
  const response = await fetch(origin + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer ada' },
    body: JSON.stringify({ batch: items })
  })
  const answer = await response.json()
  console.log(`\n${title}: POST ${path} answered ${response.status} in ${response.headers.get('batch_requests.duration')} s`)
  for (const [index, { status_code: status, reason_phrase: reason, headers, body }] of answer.batch.entries()) {
    const { method, url } = items[index]
    console.log(`  ${method.toUpperCase()} ${url}  →  ${status} ${reason} in ${headers['batch_requests.duration']} s: ${body}`)
  }
}
