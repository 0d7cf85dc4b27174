import { concurrent, sequential } from '../../lib/index.ts'
import { dispatches } from '../helper.ts'
import { testConformance } from './conformance.ts'

for (const dispatch of dispatches) {
  testConformance(`sequential, ${dispatch}`, () => sequential({ dispatch }))
  testConformance(`concurrent, ${dispatch}`, () => concurrent({ dispatch }))
}
