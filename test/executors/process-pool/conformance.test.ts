import { processPool } from '../../../lib/index.ts'
import { dispatches } from '../../helper.ts'
import { testConformance } from '../conformance.ts'

const app = new URL('../conformance-child.ts', import.meta.url)

for (const dispatch of dispatches) {
  // One pool for all tests: it takes a second to start.
  const pool = processPool({ app, workers: 2, dispatch })
  testConformance(`processPool, ${dispatch}`, () => ({ ...pool, close () {} }))
}
