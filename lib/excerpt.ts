const maxLength = 80

/**
 * Text of a client, fit for an error message: at most 80 characters, control characters escaped.
 * An answer never grows with what was wrong in the request, and a log line stays one line.
 */
export function excerpt (text: string): string {
  const start = text.length > maxLength ? `${text.slice(0, maxLength)}…` : text
  return JSON.stringify(start).slice(1, -1)
}
