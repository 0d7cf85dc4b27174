// How long to wait is told from what is known: how long batches take, how long those in flight already have, and when
// they have ended at the latest. Times are handed in, so that nobody has to wait for them here.
import Fastify from 'fastify'
import fc from 'fast-check'
import t from 'tap'
import { Admission } from '../../lib/admission.ts'

const limit = 10

t.test('one second where nothing is known yet', async t => {
  const admission = new Admission()
  admission.admit(10, limit, 0, 50_000)
  t.equal(admission.admit(1, limit, 5, 50_005), undefined)
  t.equal(admission.retryAfter(1, limit, 5), 1)
})

t.test('what takes long is expected to take as long again, and not longer than its deadline', async t => {
  const admission = new Admission()
  admission.admit(10, limit, 0, 50_000)
  t.equal(admission.retryAfter(1, limit, 7000), 7)
  t.equal(admission.retryAfter(1, limit, 40_000), 10)
  t.equal(admission.retryAfter(1, limit, 49_999), 1)
  t.equal(admission.retryAfter(1, limit, 51_000), 1, 'never less than one')
})

t.test('batches are expected to take what others took', async t => {
  const admission = new Admission()
  admission.admit(5, limit, 0, 50_000)!(8000)
  admission.admit(10, limit, 10_000, 60_000)
  t.equal(admission.retryAfter(1, limit, 10_000), 8)
  t.equal(admission.retryAfter(1, limit, 12_000), 6)
})

t.test('as many must end as make room', async t => {
  const admission = new Admission()
  admission.admit(1, limit, 0, 50_000)!(9000)
  admission.admit(4, limit, 10_000, 60_000)
  admission.admit(4, limit, 13_000, 60_000)
  admission.admit(2, limit, 14_000, 60_000)
  t.equal(admission.retryAfter(2, limit, 14_000), 5)
  t.equal(admission.retryAfter(4, limit, 14_000), 5)
  t.equal(admission.retryAfter(5, limit, 14_000), 8)
  t.equal(admission.retryAfter(10, limit, 14_000), 9)
})

t.test('places are given back, and there is one count for an app', async t => {
  const app = Fastify()
  const release = Admission.of(app).admit(10, limit, 0, 1000)!
  t.equal(Admission.of(app).admit(1, limit, 0, 1000), undefined)
  t.type(Admission.of(Fastify()).admit(1, limit, 0, 1000), 'function')
  release(10)
  t.type(Admission.of(app).admit(10, limit, 10, 1000), 'function')
})

t.test('an item is never admitted over the limit, and the wait is from 1 to the last deadline', async () => {
  const step = fc.record({ items: fc.integer({ min: 1, max: limit }), after: fc.nat(5000), ends: fc.nat(5) })
  fc.assert(fc.property(fc.array(step, { maxLength: 50 }), steps => {
    const admission = new Admission()
    const inFlight: Array<{ items: number, deadline: number, release: (now: number) => void }> = []
    let now = 0
    for (const { items, after, ends } of steps) {
      now += after
      for (const { release } of inFlight.splice(0, ends)) release(now)
      const sum = inFlight.reduce((sum, batch) => sum + batch.items, 0)
      const release = admission.admit(items, limit, now, now + 30_000)
      if (release === undefined) {
        const wait = admission.retryAfter(items, limit, now)
        const last = Math.max(...inFlight.map(batch => batch.deadline))
        if (sum + items <= limit || wait < 1 || wait > Math.max(Math.ceil((last - now) / 1000), 1)) return false
      } else {
        if (sum + items > limit) return false
        inFlight.push({ items, deadline: now + 30_000, release })
      }
    }
    return true
  }))
})
