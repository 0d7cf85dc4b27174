import type { FastifyReply } from 'fastify'
import type { BatchAnswer, SentAnswer } from './answer.ts'
import { writeSeconds } from './item.ts'
import { collectCookies } from './set-cookie.ts'

export interface SendSettings {
  readonly responseStatus: number
  /** Whether cookies of the items are moved to the head of the answer. */
  readonly forwardCookies: boolean
  readonly durationHeader: string | false
}

/** Sends the answer to a batch, with what is known by now. To be called when it has begun. */
export function sendAnswer (reply: FastifyReply, answer: BatchAnswer, settings: SendSettings): SentAnswer {
  const { responseStatus, forwardCookies, durationHeader } = settings
  const sent = answer.send()
  reply.code(responseStatus).headers(answer.headers)
  const cookies = forwardCookies ? collectCookies(sent.outcomes) : []
  if (cookies.length > 0) reply.header('set-cookie', cookies)
  if (durationHeader !== false && sent.duration !== undefined) reply.header(durationHeader, writeSeconds(sent.duration))
  reply.send(sent.payload)
  return sent
}
