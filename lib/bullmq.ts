export { bullmq } from './executors/bullmq.ts'
export { startWorker } from './executors/bullmq/start-worker.ts'

export type { BullmqOptions } from './executors/bullmq.ts'
export type { QueueConnection } from './executors/bullmq/connection.ts'
export type { BatchWorker, StartWorkerOptions } from './executors/bullmq/start-worker.ts'
export type { AppFactory } from './hosted-app.ts'
