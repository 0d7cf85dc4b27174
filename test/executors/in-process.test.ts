import { concurrent, sequential } from '../../lib/index.ts'
import { testConformance } from './conformance.ts'

testConformance('sequential', () => sequential())
testConformance('concurrent', () => concurrent())
