/** Slugs: the names of providers and of their endpoints. */
import { lowerCase } from '../base/lower-case.ts'

export const slug = lowerCase(
  'a slug',
  /^[a-z0-9][a-z0-9._/-]{0,63}$/,
  'a letter or digit, then letters, digits, ".", "_", "-" and "/", 64 at most',
).meta({ examples: ['openai', 'deepinfra/turbo'] })
