import { describe, expect, test } from 'vitest'
import { NEVER, Rng, type Millis } from '../../src/base/index.ts'
import type { FileMistake } from '../../src/workload/arrival.ts'
import { readTrace, type Trace, type TraceOptions } from '../../src/workload/trace.ts'
import { requestOf } from '../../src/workload/index.ts'
import { arrivals, worldSpec } from '../virtual/lab.ts'

const PLAIN: TraceOptions = { columns: {}, sameInstant: 'refuse' }

function read(text: string, options: Partial<TraceOptions> = {}): Trace {
  const reading = readTrace(text, { ...PLAIN, ...options })
  if (!reading.ok) throw new Error(reading.mistakes.map(({ message }) => message).join('\n'))
  return reading.data
}

function mistakes(text: string, options: Partial<TraceOptions> = {}): readonly FileMistake[] {
  const reading = readTrace(text, { ...PLAIN, ...options })
  return reading.ok ? [] : reading.mistakes
}

const rowsOf = ({ times, inputs, outputs }: Trace): number[][] =>
  [...times].map((time, index) => [time, inputs[index]!, outputs[index]!])

describe('reading a trace', () => {
  test.each([
    ['our names', 'time,input_tokens,output_tokens\n0.5,10,2\n1,20,3\n'],
    ['no header', '0.5,10,2\r\n1,20,3'],
    ['another order and more columns', 'output tokens,model,Time,Input\n2,m,.5,10\n3,m,1.0,20\n'],
    ['quotes, blanks and empty lines', '"time" , "input tokens","output"\n\n "0.5" ,10,2\n,,\n1e0,+20,3\n\n'],
    ['a byte order mark', '\uFEFFtime,input_tokens,output_tokens\n0.5,10,2\n1,20,3'],
  ])('%s', (_name, text) => {
    expect(rowsOf(read(text))).toEqual([
      [500, 10, 2],
      [1_000, 20, 3],
    ])
  })

  test('Azure 2023, as it is published: instants to 100 ns, the first of them is the start', () => {
    const text =
      'TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 23:59:59.9799600,374,44\n2023-11-17 00:00:00.0198000,396,109\n'
    const { times, inputs } = read(text)
    expect(times[0]).toBe(0)
    expect(times[1]).toBeCloseTo(39.84, 3)
    expect([...inputs]).toEqual([374, 396])
  })

  test.each(['2023-02-29', '2023-04-31', '2100-02-29'])('%s, a day that never was, is no instant', (day) => {
    expect(mistakes(`${day} 00:00:00,1,1`)).toMatchObject([{ line: 1, col: 1 }])
    expect(mistakes('2024-02-29 00:00:00,1,1')).toEqual([])
  })

  test('instants and seconds in one trace, are a mistake where the second kind begins', () => {
    expect(mistakes('2023-11-16 18:17:03,1,1\n5,1,1\n')).toMatchObject([{ line: 2, col: 1 }])
    expect(mistakes('0,1,1\n2023-11-16 18:17:03,1,1\n')).toMatchObject([{ line: 2, col: 1 }])
  })

  test('a leap day, and the turn of a year and a century, are counted', () => {
    const days = (from: string, to: string): number =>
      read(`${from} 00:00:00,1,1\n${to} 00:00:00,1,1`).times[1]! / 86_400_000
    expect(days('2024-02-28', '2024-03-01')).toBe(2)
    expect(days('2023-02-28', '2023-03-01')).toBe(1)
    expect(days('2023-12-31', '2024-01-01')).toBe(1)
    expect(days('2000-02-28', '2000-03-01')).toBe(2)
    expect(days('2100-02-28', '2100-03-01')).toBe(1)
  })

  test('BurstGPT, as it is published: whole seconds, where several come at once', () => {
    const text =
      'Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,ChatGPT,472,18,490,log\n5,GPT-4,9,0,9,log\n'
    expect(mistakes(text)).toMatchObject([{ line: 3, col: 1, fix: expect.stringContaining('same_instant: allow') }])
    expect(rowsOf(read(text, { sameInstant: 'allow' }))).toEqual([
      [5_000, 472, 18],
      [5_000, 9, 0],
    ])
  })

  test('columns, by name or by place', () => {
    const text = 'a,b,c\n10,0.5,2\n'
    expect(rowsOf(read(text, { columns: { time: 'B', input: 1, output: 'c' } }))).toEqual([[500, 10, 2]])
  })

  test.each([
    ['empty', '', 1, 1, 'the trace is empty'],
    ['nothing but lines', '\n\n,,\n', 1, 1, 'the trace is empty'],
    ['a header alone', 'time,input,output\n', 1, 1, 'the trace has a header and no requests'],
    ['a negative time', 'time,input,output\n-1,5,5\n', 2, 1, '-1 is negative'],
    ['a negative number of tokens', '0,5,-7\n', 1, 5, '-7 is negative'],
    ['no number', '0,5,5\n1,many,5\n', 2, 3, '"many" is not a number'],
    ['a hidden infinity', '0,5,5\n1,1e999,5\n', 2, 3, '1e999 is no number of input tokens'],
    ['half a token', '0,5.5,5\n', 1, 3, '5.5 is no number of input tokens'],
    ['no question', '0,0,5\n', 1, 3, '0 is no number of input tokens'],
    ['a time before the one above', '0,5,5\n2,5,5\n1,5,5\n', 3, 1, '1 comes after a later time'],
    ['the same time twice', '0,5,5\n0,5,5\n', 2, 1, '0 is the time of the line before, too'],
    ['a cell that is not there', '0,5,5\n1,5\n', 2, 4, 'the number of output tokens is missing'],
    ['no such instant', '2023-13-01 00:00:00,5,5\n', 1, 1, '"2023-13-01 00:00:00" is not a number'],
    ['a column of another name', 'time,in,output\n1,5,5\n', 1, 1, 'no column says the input'],
  ])('%s: is a mistake, with its place', (_name, text, line, col, message) => {
    expect(mistakes(text)[0]).toMatchObject({ line, col, message })
  })

  test('several mistakes, are all told', () => {
    expect(mistakes('0,5,5\nx,y,z\n-1,5,5\n').map(({ line, col }) => [line, col])).toEqual([
      [2, 1],
      [2, 3],
      [2, 5],
      [3, 1],
    ])
  })

  test.each([
    [{ time: 'when' }, 'there is no column "when"'],
    [{ time: 9 }, 'there is no column 9: the first line has 3'],
  ])('columns %j, that the file has not', (columns, message) => {
    expect(mistakes('time,input,output\n1,5,5\n', { columns })[0]).toMatchObject({ line: 1, message })
  })
})

describe('replaying a trace', () => {
  const data = read('1,10,2\n2,20,3\n4,2000,3000\n')
  const instants = (params: Record<string, unknown>, until: Millis): Millis[] => {
    const process = arrivals({ kind: 'trace', file: 'x.csv', data, ...params }, Rng.fromSeed(1), until)
    if (process.loop !== 'open') throw new Error('open')
    const result: Millis[] = []
    for (let at = process.next(0, 0); at < until && at !== NEVER; at = process.next(at, result.length)) result.push(at)
    return result
  }

  test('as it was, faster, and over again', () => {
    expect(instants({}, 100_000)).toEqual([1_000, 2_000, 4_000])
    expect(instants({ speed: 2 }, 100_000)).toEqual([500, 1_000, 2_000])
    // A round is three seconds, and one mean gap of a second and a half.
    expect(instants({ repeat: true }, 10_000)).toEqual([1_000, 2_000, 4_000, 5_500, 6_500, 8_500])
  })

  test('the lengths are the trace’s, whatever the mix would have drawn', () => {
    const [workflow] = worldSpec({
      endpoints: [],
      workflows: [{ arrivals: { kind: 'trace', file: 'x.csv', data } }],
    }).workflows(Rng.fromSeed(1))
    const asked = [0, 1, 2].map((ordinal) => requestOf(workflow!, ordinal, Rng.fromSeed(1)))
    expect(asked.map(({ inputTokens, outputTokens }) => [inputTokens, outputTokens])).toEqual([
      [10, 2],
      [20, 3],
      [2_000, 3_000],
    ])
    expect(asked[2]!.maxTokens).toBe(3_000)
  })
})
