import { bullmq, startWorker } from '../../../lib/bullmq.ts'
import { dispatches } from '../../helper.ts'
import { startOnly } from './queue.ts'
import { testConformance } from '../conformance.ts'
import build from '../conformance-child.ts'

const { t, connection } = await startOnly()
if (connection !== undefined) {
  for (const dispatch of dispatches) {
    const queue = `conformance-${dispatch}`
    const worker = await startWorker({ app: build, connection, queue, concurrency: 4, dispatch })
    t.teardown(() => worker.close())
    testConformance(`bullmq, ${dispatch}`, () => bullmq({ connection, queue }))
  }
}
