// The names of what there is in Redis beside BullMQ's own. With a queue and a prefix in braces, all is in one slot.

/** Names for one queue. */
export interface Keys {
  /** A hash with one subrequest: from before it is enqueued until it is answered or given up. */
  task (id: string): string
  /** A list of the answers for one API process, and the channel that says that there is another one. */
  answers (client: string): string
  /** The channel on which one worker hears what is no longer waited for. */
  aborts (worker: string): string
}

export function keysOf (prefix: string, queue: string): Keys {
  const name = (kind: string) => (id: string) => `${prefix}:${queue}:batch-${kind}:${id}`
  return { task: name('task'), answers: name('answers'), aborts: name('aborts') }
}

/** Gives the id of the next subrequest of an API process. BullMQ takes no colon. */
export function taskId (client: string, count: number): string {
  return `${client}.${count}`
}

/** Gives the API process that a subrequest came from. */
export function clientOf (id: string): string {
  return id.slice(0, id.lastIndexOf('.'))
}
