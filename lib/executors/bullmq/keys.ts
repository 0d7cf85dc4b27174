// The names of what there is in Redis beside BullMQ's own. With a queue and a prefix in braces, all is in one slot.

/** Names for one queue. */
export interface Keys {
  /** A hash with one subrequest, and then with its answer: from before it is enqueued until that was read. */
  task (id: string): string
  /** The channel on which an API process, or a stored batch, hears which of its tasks were answered. */
  answers (client: string): string
  /** The channel on which one worker hears what is no longer waited for. */
  aborts (worker: string): string
  /** A hash with what is known of a stored batch, and the channel that says that it has changed. */
  batch (id: string): string
  /** A list of the outcomes of a stored batch. */
  outcomes (id: string): string
  /** The unfinished stored batches of a batch route, by the time at which others may claim them. */
  unfinished (route: string): string
  /** A hash with the stored batch that was sent with an idempotency key. */
  repetition (key: string): string
}

export function keysOf (prefix: string, queue: string): Keys {
  const name = (kind: string) => (id: string) => `${prefix}:${queue}:batch-${kind}:${id}`
  return {
    task: name('task'),
    answers: name('answers'),
    aborts: name('aborts'),
    batch: name('stored'),
    outcomes: name('outcomes'),
    unfinished: name('unfinished'),
    repetition: name('repetition')
  }
}

/** Gives the id of a subrequest: of an API process, or of a stored batch. BullMQ takes no colon. */
export function taskId (client: string, count: number): string {
  return `${client}.${count}`
}

/** Gives the API process, or the stored batch, that a subrequest came from. */
export function clientOf (id: string): string {
  return id.slice(0, id.lastIndexOf('.'))
}
