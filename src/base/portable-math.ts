/**
 * exp and ln from additions, multiplications and divisions only. ECMAScript leaves the last bits of Math.exp and
 * Math.log to the engine; these give the same bits everywhere, which the fingerprint of a run depends on.
 */

const LN2_HIGH = 6.9314718036912381649e-1
const LN2_LOW = 1.90821492927058770002e-10
const LN2 = 0.6931471805599453
const INV_LN2 = 1.4426950408889634

/** 2 to an integer power, by table. */
const POWERS_OF_TWO: Float64Array = (() => {
  const table = new Float64Array(2047)
  for (let power = 0, value = 1; power <= 1023; power += 1, value *= 2) table[1023 + power] = value
  for (let power = 1, value = 0.5; power <= 1022; power += 1, value /= 2) table[1023 - power] = value
  return table
})()

const EXP_TERMS = 14

/** e to the x. Relative error below 1e-15 for |x| < 700; 0 below -700, Infinity above 709. */
export function exp(x: number): number {
  if (x > 709) return Infinity
  if (x < -700) return 0
  const power = Math.round(x * INV_LN2)
  const rest = x - power * LN2_HIGH - power * LN2_LOW
  let sum = 1
  for (let term = EXP_TERMS; term >= 1; term -= 1) sum = 1 + (rest / term) * sum
  return sum * (POWERS_OF_TWO[1023 + power] ?? 0)
}

const bits = new DataView(new ArrayBuffer(8))
const SQRT_HALF = 0.7071067811865476

/** Natural logarithm of a positive, normal number. Relative error below 1e-15. */
export function ln(x: number): number {
  if (!(x > 0)) return x === 0 ? -Infinity : NaN
  bits.setFloat64(0, x)
  const high = bits.getUint32(0)
  let exponent = ((high >>> 20) & 0x7ff) - 1022
  bits.setUint32(0, (high & 0x800fffff) | (1022 << 20))
  let mantissa = bits.getFloat64(0)
  if (mantissa < SQRT_HALF) {
    mantissa *= 2
    exponent -= 1
  }
  const ratio = (mantissa - 1) / (mantissa + 1)
  const square = ratio * ratio
  let sum = 0
  for (let term = 23; term >= 1; term -= 2) sum = sum * square + 1 / term
  return exponent * LN2 + 2 * ratio * sum
}
