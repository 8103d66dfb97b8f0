/**
 * Which providers stop when a caller leaves a stream, and charge for no more than was said (openrouter.md §3.4, from
 * "Streaming"). The others work on to the end, and all of it is paid for. The published lists are open at their ends:
 * of a provider that is in neither, we take it that he stops. `capacity.abandoned` of an endpoint says otherwise.
 */
const STOP = [
  'openai', 'azure', 'anthropic', 'fireworks', 'novita', 'deepinfra', 'together', 'cohere', 'xai', 'cloudflare',
  'friendli', 'chutes', 'deepseek',
] as const // prettier-ignore

/** By their slugs; Bedrock and Google also as fleets call them for short. */
const WORK_ON = [
  'amazon-bedrock', 'bedrock', 'groq', 'google', 'google-vertex', 'google-ai-studio', 'minimax', 'perplexity',
  'mistral', 'featherless', 'sambanova', 'alibaba', 'nebius',
] as const // prettier-ignore

/** What becomes of a stream at a provider whose caller has left. */
export const WHEN_LEFT: ReadonlyMap<string, 'drop' | 'finish'> = new Map([
  ...STOP.map((provider) => [provider, 'drop'] as const),
  ...WORK_ON.map((provider) => [provider, 'finish'] as const),
])

export const WHEN_LEFT_ELSEWHERE = 'drop'
