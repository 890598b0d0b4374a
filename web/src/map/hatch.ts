/**
 * 花纹与符号。Hatches of constraint layers and marks of verdicts, drawn here pixel by
 * pixel, so that the map and its legend show the same, and nothing is told by colour
 * alone. Hatches leave most of the ground free: the land classes stay readable.
 */

/** Directions of a hatch. */
export const hatches = ['rising', 'falling', 'level', 'upright', 'crossed', 'dotted'] as const
export type Hatch = (typeof hatches)[number]

/** A hatch repeats after this many pixels. */
export const hatchSize = 16

export interface Pixels {
  width: number
  height: number
  data: Uint8ClampedArray
}

/** Whether a pixel of the tile belongs to the hatch's lines, which are two pixels wide. */
function inked(hatch: Hatch, x: number, y: number): boolean {
  const at = (v: number) => ((v % hatchSize) + hatchSize) % hatchSize < 2
  switch (hatch) {
    case 'rising':
      return at(x + y)
    case 'falling':
      return at(x - y)
    case 'level':
      return y < 2
    case 'upright':
      return x < 2
    case 'crossed':
      return at(x + y) || at(x - y)
    case 'dotted':
      return Math.hypot((x % 8) - 3.5, (y % 8) - 3.5) < 1.6
  }
}

/** Red, green and blue of #rrggbb. */
export function rgb(colour: string): [number, number, number] {
  const n = Number.parseInt(colour.slice(1), 16)
  return [(n >> 16) & 255, (n >> 8) & 255, n & 255]
}

/** The tile of a hatch in a colour, #rrggbb. */
export function hatchTile(hatch: Hatch, colour: string): Pixels {
  const [r, g, b] = rgb(colour)
  const data = new Uint8ClampedArray(hatchSize * hatchSize * 4)
  for (let y = 0; y < hatchSize; y++) {
    for (let x = 0; x < hatchSize; x++) {
      if (inked(hatch, x, y)) data.set([r, g, b, 200], (y * hatchSize + x) * 4)
    }
  }
  return { width: hatchSize, height: hatchSize, data }
}

/** Marks of points. */
export type Mark = 'check' | 'clip' | 'question' | 'cross' | 'blank' | 'arrow' | 'fault' | 'lock'

const strokes: Record<Mark, [number, number][][]> = {
  check: [[[-5, 0], [-1.5, 4], [5, -4]]],
  clip: [[[-5, 4], [-5, -4], [1, -4], [1, 4], [-5, 4]], [[4, -6], [4, 6]]],
  question: [[[-3, -3], [-2.4, -5], [0, -6], [2.6, -5], [3, -3], [1.6, -0.8], [0, 0.6], [0, 2.2]], [[0, 4.8], [0, 5.4]]],
  cross: [[[-4.5, -4.5], [4.5, 4.5]], [[-4.5, 4.5], [4.5, -4.5]]],
  blank: [[[-4.5, 0], [4.5, 0]]],
  arrow: [[[0, 6], [0, -6]], [[-4, -2], [0, -6.5], [4, -2]]],
  fault: [[[0, -5.5], [0, 1.5]], [[0, 4.8], [0, 5.4]]],
  lock: [[[-4, 0], [4, 0], [4, 5], [-4, 5], [-4, 0]], [[-2.6, 0], [-2.6, -3.4], [-1.6, -5], [1.6, -5], [2.6, -3.4], [2.6, 0]]],
}

/** What a mark stands on: discs are verdicts, squares what a plan says, diamonds findings. */
export type Ground = 'disc' | 'square' | 'diamond'

/** Draws a mark, white on a ground of a colour, into a canvas of the given size in pixels. */
export function drawMark(context: CanvasRenderingContext2D, mark: Mark, colour: string, size: number, ground: Ground = 'disc'): void {
  const unit = size / 22
  context.setTransform(unit, 0, 0, unit, size / 2, size / 2)
  context.beginPath()
  if (ground === 'disc') context.arc(0, 0, 10, 0, 2 * Math.PI)
  else if (ground === 'square') context.rect(-9, -9, 18, 18)
  else {
    context.moveTo(0, -10.4)
    for (const [x, y] of [[10.4, 0], [0, 10.4], [-10.4, 0]] as const) context.lineTo(x, y)
    context.closePath()
    context.lineJoin = 'round'
  }
  context.fillStyle = colour
  context.fill()
  context.lineWidth = 1.2
  context.strokeStyle = '#ffffff'
  context.stroke()
  context.lineWidth = 2.4
  context.lineCap = 'round'
  context.lineJoin = 'round'
  for (const line of strokes[mark]) {
    context.beginPath()
    line.forEach(([x, y], i) => (i === 0 ? context.moveTo(x, y) : context.lineTo(x, y)))
    context.stroke()
  }
}

/** The picture of a mark for the map; 44 pixels wide, to be shown at half of that. */
export function markPicture(mark: Mark, colour: string, ground?: Ground): ImageData | undefined {
  const size = 44
  const canvas = document.createElement('canvas')
  canvas.width = canvas.height = size
  const context = canvas.getContext('2d')
  if (!context) return undefined
  drawMark(context, mark, colour, size, ground)
  return context.getImageData(0, 0, size, size)
}
