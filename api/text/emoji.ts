import { LRUCache } from 'lru-cache';
import { maxEntries } from '../lru-size.ts';

/** One emoji as Unicode recommends it for general interchange, in the version that this runtime knows. */
const pattern = '^\\p{RGI_Emoji}$';
const recommended = new RegExp(pattern, 'v');
const variationSelectors = /[\u{fe0e}\u{fe0f}]/gu;
/** Characters that are shown as text unless a variation selector follows, except where a skin tone does. */
const shownAsText = /(?!\p{Emoji_Presentation})\p{Emoji}(?!\p{Emoji_Modifier})/gu;

/** Longest emoji in UTF-16 code units, with some to spare: flags of regions and families have up to 15. */
const maxLength = 40;

/** Results for the texts that were asked for last: a look at all emoji takes longer than the rest of most requests. */
const known = new LRUCache<string, { emoji: string | null }>(maxEntries(1_000));

/**
 * Returns an emoji in its fully-qualified form (UTS 51): with the variation selectors that make every part of it a picture, however
 * it was typed.
 * @returns null if the text is anything else than one emoji
 */
export function qualifiedEmoji(text: string): string | null {
  if (text.length > maxLength) return null;
  const { emoji } = known.get(text) ?? qualify(text);
  return emoji;
}

function qualify(text: string): { emoji: string | null } {
  const qualified = text.replace(variationSelectors, '').replace(shownAsText, '$&\u{fe0f}');
  const result = { emoji: recommended.test(qualified) ? qualified : null };
  known.set(text, result);
  return result;
}
