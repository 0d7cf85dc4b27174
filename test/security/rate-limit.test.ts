// CVE-2026-30972: a batch must not be a way around a limit that holds for each request.
import rateLimit from '@fastify/rate-limit'
import Fastify from 'fastify'
import batch, { concurrent, sequential } from '../../lib/index.ts'
import { listen, sendBatch, testEach } from '../helper.ts'

for (const make of [sequential, concurrent]) {
  testEach(`of 100 logins in 5 batches, 5 pass: ${make.name}`, async (t, dispatch) => {
    const app = Fastify()
    t.teardown(() => app.close())
    await app.register(rateLimit, { global: false, allowList: ['127.0.0.1'] })
    app.register(batch, { executor: make({ dispatch }) })
    let logins = 0
    app.post('/login', { config: { rateLimit: { max: 5, timeWindow: 60_000 } } }, async () => { logins++ })
    await listen(app)

    const login = { method: 'post', url: '/login', body: { password: 'guess' } }
    const answers = []
    for (let i = 0; i < 5; i++) {
      const { batch } = await sendBatch(app, Array(20).fill(login), { localAddress: '127.0.0.7' })
      answers.push(...batch)
    }
    t.equal(logins, 5)
    t.equal(answers.filter(answer => answer.status_code === 200).length, 5)
    const refused = answers.filter(answer => answer.status_code === 429)
    t.equal(refused.length, 95)
    for (const answer of refused) t.hasProp(answer.headers, 'retry-after')
    t.equal((await sendBatch(app, [login], { localAddress: '127.0.0.8' })).batch[0]!.status_code, 200, 'another client has its own')
  })
}
