import type { Parent } from './parent.ts'
import { buildSubrequest, type Subrequest, type SubrequestRules } from './subrequest.ts'
import type { BatchBody } from './wire/schema.ts'

/** A batch that was checked whole: everything in it can be run. */
export interface Plan {
  /** In the order of the items, in which they also start. */
  readonly subrequests: readonly Subrequest[]
}

/** Plans a batch, or throws the first reason why one of its items cannot run: then none does. */
export function planBatch ({ batch }: BatchBody, parent: Parent, rules: SubrequestRules): Plan {
  return { subrequests: batch.map((item, index) => buildSubrequest(item, index, parent, rules)) }
}
