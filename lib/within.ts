/** There was no answer in time. */
export class LateError extends Error {
  constructor (milliseconds: number) {
    super(`no answer within ${milliseconds} ms`)
  }
}

/**
 * Gives what a promise gives, if it does so in time. Leaves no timer behind.
 * @throws what the promise rejects with, or LateError
 */
export async function within<Result> (milliseconds: number, promise: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => { reject(new LateError(milliseconds)) }, milliseconds)
  })
  return Promise.race([promise, late]).finally(() => { clearTimeout(timer) })
}
