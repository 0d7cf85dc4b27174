// Who may import whom. A new file without a row fails, and a new arrow is a visible decision.
import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import t from 'tap'

const lib = new URL('../lib/', import.meta.url)

const table: Record<string, readonly string[]> = {
  // Leaves: imported by all, importing nothing of ours.
  'diagnostics.ts': [],
  'errors.ts': [],
  'excerpt.ts': [],
  'methods.ts': [],
  'within.ts': [],
  'wire/schema.ts': [],
  'option-checks.ts': ['errors.ts', 'excerpt.ts'],

  // Data goes down this list and never back up.
  'wire/validate.ts': ['errors.ts', 'excerpt.ts', 'wire/schema.ts'],
  'subrequest/url.ts': [],
  'subrequest/headers.ts': ['errors.ts', 'excerpt.ts'],
  'subrequest/body.ts': ['errors.ts', 'wire/schema.ts'],
  'parent.ts': ['subrequest/headers.ts'],
  'subrequest.ts': [
    'errors.ts', 'excerpt.ts', 'parent.ts', 'subrequest/body.ts', 'subrequest/headers.ts', 'subrequest/url.ts',
    'wire/schema.ts'
  ],
  'plan/bindings.ts': ['errors.ts', 'excerpt.ts', 'wire/schema.ts'],
  'plan/item.ts': ['plan/bindings.ts', 'subrequest.ts', 'wire/schema.ts'],
  'plan/json-api.ts': ['excerpt.ts', 'plan/bindings.ts', 'plan/item.ts', 'wire/schema.ts'],
  'plan/dependencies.ts': ['errors.ts', 'plan/item.ts'],
  'plan/duplicates.ts': ['methods.ts', 'plan/item.ts', 'subrequest/headers.ts'],
  'plan.ts': [
    'parent.ts', 'plan/dependencies.ts', 'plan/duplicates.ts', 'plan/item.ts', 'plan/json-api.ts', 'subrequest.ts', 'wire/schema.ts'
  ],
  'subresponse.ts': [],
  'outcome.ts': ['plan/item.ts', 'subresponse.ts'],
  'marker.ts': ['subrequest.ts', 'subrequest/headers.ts'],
  'outcome-sink.ts': ['outcome.ts'],
  'executor.ts': ['subrequest.ts', 'subresponse.ts'],
  'storage.ts': ['executor.ts', 'outcome.ts', 'parent.ts', 'subrequest.ts', 'subresponse.ts', 'wire/schema.ts'],
  'execution.ts': ['errors.ts', 'executor.ts', 'subrequest.ts', 'subresponse.ts'],
  'shared-executor.ts': ['executor.ts'],
  'run/schedule.ts': ['plan/item.ts'],
  'run/turns.ts': ['shared-executor.ts'],
  'run/running.ts': ['execution.ts', 'outcome.ts', 'plan/item.ts', 'shared-executor.ts', 'subrequest.ts'],
  'run/deadlines.ts': ['run/running.ts'],
  'run/answers.ts': ['outcome.ts', 'plan/bindings.ts', 'plan/item.ts', 'subresponse.ts'],
  'run/bind.ts': ['errors.ts', 'plan/bindings.ts', 'plan/item.ts', 'run/answers.ts', 'wire/schema.ts'],
  'run.ts': [
    'diagnostics.ts', 'errors.ts', 'execution.ts', 'outcome-sink.ts', 'outcome.ts', 'plan.ts', 'plan/item.ts',
    'run/answers.ts', 'run/bind.ts', 'run/deadlines.ts', 'run/running.ts', 'run/schedule.ts', 'run/turns.ts', 'shared-executor.ts',
    'subrequest.ts', 'subresponse.ts'
  ],
  'transaction.ts': ['errors.ts', 'outcome.ts', 'plan/item.ts', 'subresponse.ts', 'within.ts'],
  'dispatch/identity.ts': ['subrequest.ts'],
  'dispatch/virtual-socket.ts': ['parent.ts'],
  'dispatch/exchange.ts': [
    'dispatch/identity.ts', 'dispatch/virtual-socket.ts', 'errors.ts', 'subrequest.ts', 'subresponse.ts'
  ],
  'dispatch/inject.ts': [
    'dispatch/exchange.ts', 'dispatch/identity.ts', 'errors.ts', 'executor.ts', 'subrequest.ts', 'subresponse.ts'
  ],
  'dispatch/direct-socket.ts': ['dispatch/virtual-socket.ts', 'parent.ts'],
  'dispatch/direct-end.ts': [],
  'dispatch/direct-request.ts': ['dispatch/direct-socket.ts', 'subrequest.ts'],
  'dispatch/direct-response.ts': [
    'dispatch/direct-end.ts', 'dispatch/direct-request.ts', 'dispatch/direct-socket.ts', 'subresponse.ts'
  ],
  'dispatch/direct.ts': [
    'dispatch/direct-request.ts', 'dispatch/direct-response.ts', 'dispatch/direct-socket.ts', 'dispatch/identity.ts',
    'errors.ts', 'executor.ts', 'subrequest.ts', 'subresponse.ts'
  ],
  'dispatch/log.ts': ['subrequest.ts'],
  'dispatch/guard.ts': [
    'dispatch/exchange.ts', 'dispatch/identity.ts', 'dispatch/log.ts', 'errors.ts', 'marker.ts', 'subrequest.ts', 'subresponse.ts'
  ],
  'executors/in-process.ts': ['dispatch/direct.ts', 'dispatch/inject.ts', 'executor.ts', 'option-checks.ts'],
  'executors/process-pool/child-marker.ts': [],
  'executors/process-pool/orphan-watch.ts': [],
  'hosted-app.ts': [
    'dispatch/direct.ts', 'dispatch/guard.ts', 'dispatch/inject.ts', 'execution.ts', 'subrequest.ts', 'subresponse.ts'
  ],
  'executors/process-pool/child.ts': [
    'execution.ts', 'executors/process-pool/child-marker.ts', 'executors/process-pool/orphan-watch.ts', 'hosted-app.ts',
    'subrequest.ts', 'subresponse.ts'
  ],
  'executors/process-pool/worker.ts': [
    'errors.ts', 'executor.ts', 'executors/process-pool/child.ts', 'subrequest.ts', 'subresponse.ts', 'within.ts'
  ],
  'executors/process-pool/slot.ts': ['executors/process-pool/worker.ts'],
  'executors/process-pool/pool.ts': [
    'errors.ts', 'executor.ts', 'executors/process-pool/slot.ts', 'executors/process-pool/worker.ts', 'subrequest.ts',
    'subresponse.ts'
  ],
  'executors/process-pool.ts': [
    'executor.ts', 'executors/process-pool/child-marker.ts', 'executors/process-pool/pool.ts', 'hosted-app.ts',
    'option-checks.ts'
  ],
  'executors/bullmq/connection.ts': [],
  'executors/bullmq/subscriber.ts': [],
  'executors/bullmq/client-connections.ts': [
    'errors.ts', 'executors/bullmq/connection.ts', 'executors/bullmq/subscriber.ts', 'within.ts'
  ],
  'executors/bullmq/keys.ts': [],
  'executors/bullmq/message.ts': ['outcome.ts', 'parent.ts', 'subrequest.ts', 'subresponse.ts', 'wire/schema.ts'],
  'executors/bullmq/queue-options.ts': ['option-checks.ts'],
  'executors/bullmq/task-scripts.ts': [],
  'executors/bullmq/answers.ts': ['subresponse.ts'],
  'executors/bullmq/client.ts': [
    'errors.ts', 'executor.ts', 'executors/bullmq/answers.ts', 'executors/bullmq/client-connections.ts',
    'executors/bullmq/keys.ts', 'executors/bullmq/message.ts', 'executors/bullmq/task-scripts.ts', 'methods.ts', 'subrequest.ts',
    'subresponse.ts'
  ],
  'executors/bullmq/batch-scripts.ts': ['executors/bullmq/task-scripts.ts'],
  'executors/bullmq/queued-batch.ts': [
    'executor.ts', 'executors/bullmq/batch-scripts.ts', 'executors/bullmq/client.ts', 'executors/bullmq/keys.ts',
    'executors/bullmq/message.ts', 'outcome.ts', 'storage.ts', 'subrequest.ts', 'subresponse.ts'
  ],
  'executors/bullmq/storage.ts': [
    'executors/bullmq/batch-scripts.ts', 'executors/bullmq/client.ts', 'executors/bullmq/message.ts',
    'executors/bullmq/queued-batch.ts', 'outcome.ts', 'storage.ts'
  ],
  'executors/bullmq/deliveries.ts': [
    'errors.ts', 'execution.ts', 'executors/bullmq/keys.ts', 'executors/bullmq/message.ts',
    'executors/bullmq/task-scripts.ts', 'hosted-app.ts', 'subresponse.ts'
  ],
  'executors/bullmq/start-worker.ts': [
    'executors/bullmq/connection.ts', 'executors/bullmq/deliveries.ts', 'executors/bullmq/keys.ts',
    'executors/bullmq/queue-options.ts', 'executors/bullmq/subscriber.ts', 'hosted-app.ts', 'option-checks.ts'
  ],
  'executors/bullmq.ts': [
    'executors/bullmq/client.ts', 'executors/bullmq/connection.ts', 'executors/bullmq/queue-options.ts',
    'executors/bullmq/storage.ts', 'hosted-app.ts', 'option-checks.ts', 'storage.ts', 'subrequest.ts'
  ],
  'executors/remote/forwarded.ts': ['subrequest.ts', 'subrequest/headers.ts'],
  'executors/remote/request.ts': ['executors/remote/forwarded.ts', 'marker.ts', 'subrequest.ts', 'subrequest/headers.ts'],
  'executors/remote/exchange.ts': ['errors.ts', 'executor.ts', 'subresponse.ts'],
  'executors/remote/send.ts': [
    'errors.ts', 'executor.ts', 'executors/remote/exchange.ts', 'methods.ts', 'subrequest.ts', 'subresponse.ts'
  ],
  'executors/remote.ts': [
    'errors.ts', 'executor.ts', 'executors/remote/forwarded.ts', 'executors/remote/request.ts',
    'executors/remote/send.ts', 'option-checks.ts', 'subrequest.ts', 'subresponse.ts'
  ],
  'remote.ts': ['executors/remote.ts'],
  'reply/item.ts': ['outcome.ts', 'subresponse.ts'],
  'reply/summary.ts': ['errors.ts', 'methods.ts', 'outcome.ts', 'wire/schema.ts'],
  'reply/accept.ts': [],
  'reply/caching.ts': [],
  'reply/answer.ts': ['outcome-sink.ts', 'outcome.ts', 'wire/schema.ts'],
  'reply/json.ts': ['outcome-sink.ts', 'reply/answer.ts', 'reply/item.ts', 'reply/summary.ts', 'wire/schema.ts'],
  'reply/ndjson.ts': ['outcome.ts', 'reply/answer.ts', 'reply/item.ts', 'reply/summary.ts', 'wire/schema.ts'],
  'reply/set-cookie.ts': ['outcome.ts'],
  'reply/send.ts': ['reply/answer.ts', 'reply/item.ts', 'reply/set-cookie.ts'],
  'respond-async/prefer.ts': [],
  'respond-async/owner.ts': ['parent.ts'],
  'respond-async/progress.ts': ['storage.ts', 'wire/schema.ts'],
  'respond-async/options.ts': ['option-checks.ts', 'respond-async/owner.ts'],
  'respond-async/recorder.ts': ['outcome-sink.ts', 'outcome.ts', 'reply/summary.ts', 'storage.ts', 'wire/schema.ts'],
  'respond-async/runner.ts': [
    'diagnostics.ts', 'errors.ts', 'plan.ts', 'respond-async/recorder.ts', 'run.ts', 'storage.ts', 'subresponse.ts',
    'wire/schema.ts'
  ],
  'respond-async/resource.ts': [
    'errors.ts', 'reply/accept.ts', 'reply/json.ts', 'reply/ndjson.ts', 'reply/send.ts', 'respond-async/owner.ts',
    'respond-async/progress.ts', 'storage.ts'
  ],
  'respond-async/submit.ts': [
    'errors.ts', 'parent.ts', 'respond-async/options.ts', 'respond-async/owner.ts', 'respond-async/prefer.ts',
    'respond-async/resource.ts', 'storage.ts', 'wire/schema.ts'
  ],
  'admission.ts': [],

  // The wiring.
  'options.ts': [
    'dispatch/guard.ts', 'executor.ts', 'executors/in-process.ts', 'option-checks.ts', 'respond-async/options.ts',
    'storage.ts', 'subrequest/headers.ts', 'transaction.ts'
  ],
  'respond-async.ts': [
    'options.ts', 'plan.ts', 'reply/ndjson.ts', 'reply/send.ts', 'respond-async/options.ts',
    'respond-async/resource.ts', 'respond-async/runner.ts', 'respond-async/submit.ts', 'run.ts', 'storage.ts'
  ],
  'respond-async/routes.ts': ['options.ts', 'reply/caching.ts', 'respond-async.ts', 'wire/schema.ts'],
  'batch-handler.ts': [
    'admission.ts', 'diagnostics.ts', 'dispatch/guard.ts', 'dispatch/identity.ts', 'errors.ts', 'marker.ts',
    'options.ts', 'outcome-sink.ts', 'parent.ts', 'plan.ts', 'reply/accept.ts', 'reply/answer.ts', 'reply/caching.ts', 'reply/json.ts',
    'reply/ndjson.ts', 'reply/send.ts', 'respond-async/submit.ts', 'run.ts', 'transaction.ts', 'wire/schema.ts'
  ],
  'plugin.ts': [
    'batch-handler.ts', 'dispatch/guard.ts', 'hosted-app.ts', 'options.ts', 'respond-async.ts',
    'respond-async/routes.ts', 'shared-executor.ts', 'subrequest/headers.ts', 'wire/schema.ts', 'wire/validate.ts'
  ],
  'bullmq.ts': [
    'executors/bullmq.ts', 'executors/bullmq/connection.ts', 'executors/bullmq/start-worker.ts', 'hosted-app.ts'
  ],
  'index.ts': [
    'diagnostics.ts', 'dispatch/guard.ts', 'executor.ts', 'executors/in-process.ts', 'executors/process-pool.ts',
    'options.ts', 'outcome.ts', 'parent.ts', 'plugin.ts', 'respond-async/options.ts', 'respond-async/owner.ts',
    'storage.ts', 'subrequest.ts', 'subrequest/headers.ts', 'subresponse.ts', 'transaction.ts', 'wire/schema.ts'
  ]
}

const files = readdirSync(lib, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.ts'))
const entries = ['index.ts', 'bullmq.ts', 'remote.ts']
const source = (file: string) => readFileSync(new URL(file, lib), 'utf8')

t.test('every file has its row, and imports what the row says', async t => {
  t.strictSame(files.sort(), Object.keys(table).sort())
  for (const file of files) {
    const imports = [...source(file).matchAll(/from '(\.[^']*)'/g)].map(match => posix.join(posix.dirname(file), match[1]!))
    t.strictSame([...new Set(imports)].sort(), [...table[file]!].sort(), file)
  }
})

t.test('no file imports itself, by whatever way round', async t => {
  const visit = (file: string, way: readonly string[]): void => {
    if (way.includes(file)) t.fail([...way, file].join(' → '))
    else for (const next of table[file]!) visit(next, [...way, file])
  }
  for (const entry of entries) visit(entry, [])
  t.pass('no cycles')
})

t.test('what users import only re-exports', async t => {
  for (const line of entries.flatMap(entry => source(entry).split('\n'))) t.match(line, /^(export (type )?\{.*\} from '.*'|)$/)
})

t.test('no file is longer than 250 lines', async t => {
  for (const file of files) t.ok(source(file).split('\n').length <= 251, file)
})
