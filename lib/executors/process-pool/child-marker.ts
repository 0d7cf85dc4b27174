let child = false

/** Says that this process is a worker of a pool. */
export function markChild (): void {
  child = true
}

/** Whether this process is a worker of a pool. */
export function isChild (): boolean {
  return child
}
