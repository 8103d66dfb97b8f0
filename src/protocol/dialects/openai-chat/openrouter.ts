/**
 * Signals to OpenRouter's bytes, as they were recorded (openrouter.md §4.3, §4.5): like OpenAI's, but every chunk says
 * who speaks and has a content, reasoning comes with its details, the provider's own finish reason stands beside the
 * normal one, and the last chunk before `[DONE]` has the usage, whether or not it was asked for.
 */
import type { Content, Failed, FinishReason, ToolDelta } from '../../signal.ts'
import type { Closing, RenderContext, Renderer } from '../_dialect.ts'
import { ChatRenderer, DONE, usageBody } from './renderer.ts'

export function chatRenderer(context: RenderContext): Renderer {
  const surface = context.surface ?? (context.providerName === undefined ? 'openai' : 'openrouter')
  return surface === 'openai' ? new ChatRenderer(context) : new OpenRouterRenderer(context, surface)
}

const PING = ': OPENROUTER PROCESSING\n\n'
const NO_WORDS = '{"role":"assistant","content":""}'
const NOTHING: Closing = { usage: {}, beside: {} }

class OpenRouterRenderer extends ChatRenderer {
  protected override readonly reasoningKey = 'reasoning'
  /** Whether the stream has had a chunk. */
  private hasBegun = false
  private hasEnded = false

  protected override pingFrame(): string {
    return PING
  }

  protected override streamOpening(): void {
    this.say(NO_WORDS)
  }

  protected override streamText(channel: Content['channel'], text: string): void {
    const said = JSON.stringify(text)
    if (channel === 'text') this.say(`{"role":"assistant","content":${said}}`)
    else {
      const details = `[{"type":"reasoning.text","text":${said},"format":"unknown","index":0}]`
      this.say(`{"role":"assistant","content":"","reasoning":${said},"reasoning_details":${details}}`)
    }
  }

  protected override streamTool({ index, id, name, args }: ToolDelta): void {
    const call = { index, ...(id !== undefined && { id, type: 'function' }), function: { name, arguments: args } }
    this.say(`{"role":"assistant","content":"","tool_calls":[${JSON.stringify(call)}]}`)
  }

  private say(delta: string, reason: FinishReason | null = null): void {
    this.begin()
    this.chunk(delta, reason)
  }

  /** A stream begins with what was sent upstream, where somebody asked for it: a chunk for each attempt. */
  private begin(): void {
    if (this.hasBegun) return
    this.hasBegun = true
    for (const { providerName, body } of this.context.routed?.echoes ?? []) {
      const provider = JSON.stringify(providerName)
      this.write(`${this.openingOf(provider)},"choices":[],"debug":{"echo_upstream_body":${body}}}\n\n`)
    }
  }

  /** The same beginning in the name of another provider. */
  private openingOf(provider: string): string {
    const own = `,"provider":${JSON.stringify(this.context.providerName)}`
    return this.opening.replace(own, () => `,"provider":${provider}`)
  }

  protected override choice(delta: string, reason: FinishReason | null): string {
    const quoted = reason === null ? 'null' : `"${reason}"`
    const native = reason === null ? 'null' : JSON.stringify(this.nativeReason ?? reason)
    return `{"index":0,"delta":${delta},"logprobs":null,"finish_reason":${quoted},"native_finish_reason":${native}}`
  }

  protected override streamFinish(reason: FinishReason): void {
    const cited = fields(this.ownOfMessage())
    if (cited !== '') this.say(`{"role":"assistant","content":""${cited}}`)
    this.say(NO_WORDS, reason)
    if (this.usage !== null) {
      const choices = this.context.routed?.usageChunk === 'empty' ? '' : this.choice(NO_WORDS, reason)
      this.write(`${this.opening},"choices":[${choices}]${this.wholeEnd()}}\n\n`)
    }
    this.write(DONE)
  }

  /** Where nothing has been said yet, there is no choice to end. */
  protected override streamFailed(failed: Failed): void {
    const wasSaid = this.hasBegun
    this.begin()
    this.streamUsage()
    if (wasSaid) this.chunk('{"content":""}', 'error', this.errorField(failed))
    else this.write(`${this.opening}${this.errorField(failed)},"choices":[]}\n\n`)
    if (this.context.doneAfterError === true) this.write(DONE)
  }

  protected override errorField(failed: Failed): string {
    return super.errorField(failed) + (this.hasEnded ? '' : fields(this.told(failed)?.beside ?? {}))
  }

  protected override streamUsage(): void {
    if (this.usage !== null && !this.hasEnded) this.write(`${this.opening},"choices":[]${this.wholeEnd()}}\n\n`)
  }

  protected override ownOfMessage(): object {
    const { annotations = [] } = this.context.routed ?? {}
    return annotations.length > 0 ? { annotations } : {}
  }

  protected override ownOfChoice(reason: FinishReason): object {
    return { native_finish_reason: this.nativeReason ?? reason }
  }

  protected override wholeEnd(): string {
    this.hasEnded = true
    const { usage, beside } = this.context.routed?.closing(this.usage) ?? NOTHING
    const counts = this.usage === null ? '' : `,"usage":${usageBody(this.usage).slice(0, -1)}${fields(usage)}}`
    return `${counts}${fields(beside)}`
  }
}

/** Fields to follow others: a comma first, if there are any. */
function fields(more: object): string {
  const body = JSON.stringify(more).slice(1, -1)
  return body === '' ? '' : `,${body}`
}
