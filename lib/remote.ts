export { remote } from './executors/remote.ts'

export type { RemoteOptions } from './executors/remote.ts'
