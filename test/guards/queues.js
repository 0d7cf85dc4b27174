export const queues = [
  {
    name: 'a task that is not idempotent is started once',
    file: 'lib/executors/bullmq/client.ts',
    text: 'isIdempotent(subrequest.method) ? this.#settings.attempts : 1',
    instead: 'this.#settings.attempts',
    test: 'test/executors/bullmq/deaths.test.ts',
    only: 'what is not idempotent'
  }, {
    name: 'a claim that is sent twice counts once',
    file: 'lib/executors/bullmq/task-scripts.ts',
    text: 'if task[3] ~= ARGV[2] then',
    instead: 'if true then',
    test: 'test/executors/bullmq/life.test.ts',
    only: 'a claim that is sent twice'
  }, {
    name: 'what was given up is not claimed any more',
    file: 'lib/executors/bullmq/task-scripts.ts',
    text: 'if left <= 0 or not task[1] then',
    instead: 'if not task[1] then',
    test: 'test/executors/bullmq/life.test.ts',
    only: 'what was given up'
  }, {
    name: 'of two answers of workers the first one counts',
    file: 'lib/executors/bullmq/task-scripts.ts',
    text: "if redis.call('HDEL', KEYS[1], 'message') == 0 then return end",
    instead: "redis.call('HDEL', KEYS[1], 'message')",
    test: 'test/executors/bullmq/deaths.test.ts',
    only: 'what it answers later is not heard'
  }, {
    name: 'what a worker has started is not said to be not started',
    file: 'lib/executors/bullmq/task-scripts.ts',
    text: "if task[2] then return 'started' end",
    instead: '',
    test: 'test/respond-async/cancel.test.ts',
    only: 'what runs ends'
  }, {
    name: 'when the client goes, what waits in the queue is removed',
    file: 'lib/executors/bullmq/client.ts',
    text: ' && !stored?.isReleased()) this.#abort(id, left)',
    instead: ') return',
    test: 'test/executors/bullmq/life.test.ts',
    only: 'when the client goes'
  }, {
    name: 'a worker hears when the client has gone',
    file: 'lib/executors/bullmq/task-scripts.ts',
    text: "if worker then redis.call('PUBLISH', ARGV[1] .. worker, ARGV[2]) end",
    instead: '',
    test: 'test/executors/bullmq/life.test.ts',
    only: 'when the client goes'
  }, {
    name: 'an item of a stored batch is started once',
    file: 'lib/executors/bullmq/batch-scripts.ts',
    text: "'started:' .. ARGV[1], 1) == 0 then",
    instead: "'started:' .. ARGV[1], 1) == 2 then",
    test: 'test/respond-async/resume.test.ts',
    only: 'another one goes on'
  }, {
    name: 'an idempotency key is for one batch',
    file: 'lib/executors/bullmq/batch-scripts.ts',
    text: "return known[2] == ARGV[2] and known[1] or 'reused'",
    instead: 'return known[1]',
    test: 'test/respond-async/idempotency-key.test.ts'
  }, {
    name: 'a batch that has ended expires',
    file: 'lib/executors/bullmq/batch-scripts.ts',
    text: "redis.call('PEXPIRE', KEYS[1], known[2])",
    instead: '',
    test: 'test/respond-async/lifetime.test.ts',
    only: 'when it has ended'
  }, {
    name: 'a stored batch is for its owner',
    file: 'lib/respond-async/resource.ts',
    text: ' || batch.owner !== digest(name)',
    instead: '',
    test: 'test/respond-async/owner.test.ts'
  }, {
    name: 'a batch of nobody is not stored',
    file: 'lib/respond-async/submit.ts',
    text: 'if (name === undefined) return false',
    instead: '',
    test: 'test/respond-async/owner.test.ts'
  }, {
    name: 'a certificate that is not trusted makes no owner',
    file: 'lib/respond-async/owner.ts',
    text: 'authorized === true ? ',
    instead: 'true ? ',
    test: 'test/respond-async/owner.test.ts'
  }, {
    name: 'vary names what decides whether a batch is waited for',
    file: 'lib/batch-handler.ts',
    text: "submit === undefined ? 'accept' : 'accept, prefer'",
    instead: "'accept'",
    test: 'test/respond-async/answer.test.ts'
  }, {
    name: 'what is cancelled while it waits does not begin',
    file: 'lib/respond-async/runner.ts',
    text: 'batch.withdraw(recorder.missing(batch.parent.size), error)',
    instead: '',
    test: 'test/respond-async/cancel.test.ts',
    only: 'what runs ends'
  }
]
