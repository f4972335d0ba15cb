/** One emoji as Unicode recommends it for general interchange, in the version that this runtime knows. */
const pattern = '^\\p{RGI_Emoji}$';
const recommended = new RegExp(pattern, 'v');
const variationSelectors = /[\u{fe0e}\u{fe0f}]/gu;
/** Characters that are shown as text unless a variation selector follows, except where a skin tone does. */
const shownAsText = /(?!\p{Emoji_Presentation})\p{Emoji}(?!\p{Emoji_Modifier})/gu;

/** Longest emoji in UTF-16 code units, with some to spare: flags of regions and families have up to 15. */
const maxLength = 40;

/**
 * Returns an emoji in its fully-qualified form (UTS 51): with the variation selectors that make every part of it a picture, however
 * it was typed.
 * @returns null if the text is anything else than one emoji
 */
export function qualifiedEmoji(text: string): string | null {
  if (text.length > maxLength) return null;
  const qualified = text.replace(variationSelectors, '').replace(shownAsText, '$&\u{fe0f}');
  return recommended.test(qualified) ? qualified : null;
}
