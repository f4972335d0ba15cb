import { Fragment } from 'react';

const linkPattern = /https?:\/\/[^\s<>"']+/gi;
/** Punctuation that ends the sentence rather than the URL. */
const trailingPunctuation = /[.,;:!?)\]}]+$/;

/** The text of a message. It is never parsed as HTML; URLs become links. */
export function MessageText({ text }: { text: string }) {
  return (
    <span className="message-text">
      {split(text).map(({ at, text: part, url }) =>
        url ? (
          <a key={at} href={url} target="_blank" rel="noopener noreferrer nofollow">
            {part}
          </a>
        ) : (
          <Fragment key={at}>{part}</Fragment>
        ),
      )}
    </span>
  );
}

interface Part {
  /** Index in the text. */
  at: number;
  text: string;
  url: string | null;
}

function split(text: string): Part[] {
  const parts: Part[] = [];
  let end = 0;
  for (const match of text.matchAll(linkPattern)) {
    const link = match[0].replace(trailingPunctuation, '');
    if (!URL.canParse(link)) continue;
    parts.push({ at: end, text: text.slice(end, match.index), url: null });
    parts.push({ at: match.index, text: link, url: link });
    end = match.index + link.length;
  }
  return [...parts, { at: end, text: text.slice(end), url: null }].filter((part) => part.text !== '');
}
