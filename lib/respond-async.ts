import type { ResolvedOptions } from './options.ts'
import type { PlanRules } from './plan.ts'
import type { LinesSettings } from './reply/ndjson.ts'
import type { SendSettings } from './reply/send.ts'
import type { ResolvedRespondAsync } from './respond-async/options.ts'
import { BatchResource } from './respond-async/resource.ts'
import { Runner } from './respond-async/runner.ts'
import { createSubmit, type Submit } from './respond-async/submit.ts'
import type { RunSettings } from './run.ts'
import { storageOf } from './storage.ts'

export interface RespondAsyncSettings {
  /** Names the batch route. */
  readonly route: string
  readonly options: ResolvedOptions
  readonly rules: PlanRules
  readonly runSettings: RunSettings
  readonly replySettings: LinesSettings & SendSettings
}

/** What a batch route has for batches that outlive their connection. */
export interface RespondAsync {
  readonly submit: Submit
  readonly resource: BatchResource
  /** Begins to run batches. */
  start (): void
  /** Leaves them to other processes. */
  close (): Promise<void>
}

export function createRespondAsync (settings: RespondAsyncSettings, options: ResolvedRespondAsync): RespondAsync {
  const { route, rules, replySettings } = settings
  const { subrequestTimeout, concurrency, owner } = options
  const storage = storageOf(settings.options.executor)!
  const runSettings = { ...settings.runSettings, subrequestTimeout }
  const runner = new Runner({ storage, route, rules, runSettings, concurrency })
  const look = () => { runner.look() }
  const resource = new BatchResource({ storage, route, owner, onCancel: look, replySettings })

  return {
    submit: createSubmit({ storage, route, options, onSubmit: look }),
    resource,
    start: () => { runner.start() },
    async close () {
      resource.close()
      await runner.close()
    }
  }
}
