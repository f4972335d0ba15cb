/** A wording that `docs/style.md` rules out. */
interface Pattern {
  name: string;
  pattern: RegExp;
  /** Shown with each finding: what to write in its place. */
  instead: string;
}

/** Wordings that the check refuses, in comments, descriptions, docs, messages and test names. */
export const patterns: readonly Pattern[] = [
  {
    name: 'nominal what/whatever',
    pattern: /\bwhat(ever|soever)?\b(?![^.]*\?)/i,
    instead: 'Name the thing instead of "what …": "the text that was sent", "unexpected errors".',
  },
  {
    name: 'nominal who/whoever',
    pattern:
      /\b[Ww]ho(m|so)?ever\b|(^\W*|[.;:(]\s+)Whom?\b(?![^.]*\?)|\b(of|for|to|by|with|from|than|is|are|about|on|at|in|tells?|says?|knows?|asks?|sees?|those|these|he|she|one|all)\s+whom?\b(?![^.]*\?)/,
    instead: 'Name the person: "the author", "members", "a client that …".',
  },
  {
    name: '"is to be"',
    pattern: /\b(is|are|was|were) (not |never |only |always |also )?to (be|have)\b|\b(has|have|had) leave to\b/i,
    instead: 'Write "must", "can" or "may not".',
  },
  { name: '"any more"', pattern: /\bany ?more\b/i, instead: 'Write "no longer".' },
  {
    name: 'answer',
    pattern: /\banswer(s|ed|ing)?\b/i,
    instead: 'Write "reply" (to a message), "response" (to a request), "returns" (a function) or "result".',
  },
  {
    name: 'old-fashioned adverbs',
    pattern:
      /\b(anew|of late|so (many|much) (bytes|milliseconds|items|entries|at most)|all the same|none the less|at once all)\b/i,
    instead: 'Use plain words: "again", "recently", "at most n bytes", "still", "anyway".',
  },
  {
    name: 'all that',
    pattern: /\b(all that|that which|such (a one|as are|that are))\b/i,
    instead: 'Name the things: "every entry that …", "requests that …".',
  },
  {
    name: 'fragment',
    pattern: /^\W*(Of (a|an|one|the|its|all)\b[^,]*\.|Where to\.|Whose\b|Whom\b|For (whom|what)\b)/,
    instead: 'Start with a noun or a verb: "Number of …", "Returns …".',
  },
];

/** Passages that break a pattern on purpose: the file and a part of the line. */
export const exceptions: readonly { file: string; text: string }[] = [
  { file: 'docs/style.md', text: 'Not "what was sent" but "the message"' },
  { file: 'docs/style.md', text: 'instead of "is to be"; "no longer" instead of "not … any more"' },
];
