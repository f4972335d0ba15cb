import { Fragment } from 'react';

const LINK = /https?:\/\/[^\s<>"']+/gi;
/** Punctuation at the end of an address belongs to the sentence around it. */
const TRAILING = /[.,;:!?)\]}]+$/;

/** What somebody wrote, as text whatever it says; web addresses become links. */
export function MessageText({ text }: { text: string }) {
  return (
    <span className="message-text">
      {split(text).map(({ at, words, url }) =>
        url ? (
          <a key={at} href={url} target="_blank" rel="noopener noreferrer nofollow">
            {words}
          </a>
        ) : (
          <Fragment key={at}>{words}</Fragment>
        ),
      )}
    </span>
  );
}

interface Part {
  at: number;
  words: string;
  url: string | null;
}

function split(text: string): Part[] {
  const parts: Part[] = [];
  let end = 0;
  for (const match of text.matchAll(LINK)) {
    const words = match[0].replace(TRAILING, '');
    if (!URL.canParse(words)) continue;
    parts.push({ at: end, words: text.slice(end, match.index), url: null });
    parts.push({ at: match.index, words, url: words });
    end = match.index + words.length;
  }
  return [...parts, { at: end, words: text.slice(end), url: null }].filter(({ words }) => words !== '');
}
