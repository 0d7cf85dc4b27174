// Writes figures as a bar chart, for benchmarks/README.md.
import { writeFileSync } from 'node:fs'

const left = 280
const width = 760
const rowHeight = 30
const top = 64

/**
 * Writes an SVG file beside this one, with a bar for each way: dark until its first answer, light until its last.
 * `bars` are objects of `label`, `first` and `last`, in milliseconds.
 */
export function writeChart (name, title, bars) {
  const height = top + bars.length * rowHeight + 16
  const scale = (width - left - 70) / Math.max(...bars.map(bar => bar.last))
  const rows = bars.map(({ label, first, last }, n) => {
    const y = top + n * rowHeight
    const ends = [first, last].map(ms => (ms * scale).toFixed(1))
    return `
  <text x="${left - 10}" y="${y + 15}" text-anchor="end">${label}</text>
  <rect x="${left}" y="${y}" width="${ends[1]}" height="20" fill="#9ec5fe"/>
  <rect x="${left}" y="${y}" width="${ends[0]}" height="20" fill="#1f5fbf"/>
  <text x="${left + last * scale + 8}" y="${y + 15}">${Math.round(last)} ms</text>`
  })
  writeFileSync(new URL(`./${name}.svg`, import.meta.url), `\
<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" \
font-family="sans-serif" font-size="13">
  <title>${title}</title>
  <rect width="${width}" height="${height}" fill="#fff"/>
  <text x="16" y="24" font-size="15" font-weight="bold">${title}</text>
  <rect x="16" y="38" width="12" height="12" fill="#1f5fbf"/><text x="34" y="49">until the first answer</text>
  <rect x="190" y="38" width="12" height="12" fill="#9ec5fe"/><text x="208" y="49">until the last answer</text>${rows.join('')}
</svg>
`)
}
