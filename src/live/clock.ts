/**
 * Wall time as scenario time: `speed` scenario milliseconds pass in one wall millisecond. Pausing holds it still.
 */
import { quantize, type Millis } from '../base/index.ts'

export class LiveClock {
  private speedNow: number
  private anchorWall = performance.now()
  private anchorScenario: Millis = 0
  private isPaused = true

  constructor(speed: number) {
    this.speedNow = speed
  }

  get speed(): number {
    return this.speedNow
  }

  get paused(): boolean {
    return this.isPaused
  }

  now(): Millis {
    if (this.isPaused) return this.anchorScenario
    return quantize(this.anchorScenario + (performance.now() - this.anchorWall) * this.speedNow)
  }

  /** Wall milliseconds until the given instant; 0 when it has passed. */
  wallMsUntil(at: Millis): number {
    return Math.max(0, (at - this.now()) / this.speedNow)
  }

  resume(): void {
    if (!this.isPaused) return
    this.anchorWall = performance.now()
    this.isPaused = false
  }

  pause(): void {
    this.anchorScenario = this.now()
    this.isPaused = true
  }

  setSpeed(speed: number): void {
    this.anchorScenario = this.now()
    this.anchorWall = performance.now()
    this.speedNow = speed
  }
}
