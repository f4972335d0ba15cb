import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react';
import type { ConversationState } from './conversation.ts';
import type { Row } from './rows.ts';

/** Distance from the end, in pixels, that still counts as at the end. */
const endTolerance = 48;
/** Distance from the beginning, in pixels, at which older messages are loaded. */
const loadOlderDistance = 400;

/** The first visible message. Days and the divider move when older messages come. */
interface Anchor {
  key: string;
  /** Distance of its end from the top of the list, in pixels. Its beginning changes: the first message of a group has a head. */
  bottom: number;
}

/** The scroll state of the message list, and the handlers to attach to it. */
export interface Scroll {
  log: RefObject<HTMLDivElement | null>;
  isAtEnd: boolean;
  onScroll: () => void;
  toEnd: () => void;
}

interface ScrollOptions {
  rows: readonly Row[];
  /** State of older messages, which is shown above the first one. */
  older: ConversationState['older'];
  /** True if the first page is loaded. */
  isReady: boolean;
  /** Called while the first loaded message is nearly in view. */
  onNearBeginning: () => void;
}

/**
 * Manages the scroll position of the message list. It opens at the divider above unread messages, or at the end. At the
 * end it follows new messages; elsewhere the visible messages stay in place when others are added above or below.
 */
export function useScroll({ rows, older, isReady, onNearBeginning }: ScrollOptions): Scroll {
  const log = useRef<HTMLDivElement>(null);
  const anchor = useRef<Anchor | null>(null);
  const followsEnd = useRef(true);
  const hasOpened = useRef(false);
  const [isAtEnd, setAtEnd] = useState(true);

  const remember = useCallback(() => {
    const box = log.current;
    if (box === null) return;
    followsEnd.current = box.scrollHeight - box.scrollTop - box.clientHeight < endTolerance;
    anchor.current = firstInView(box);
    setAtEnd(followsEnd.current);
  }, []);

  const toEnd = useCallback(() => {
    followsEnd.current = true;
    log.current?.scrollTo({ top: log.current.scrollHeight });
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the layout depends on the rows and on the part above them
  useLayoutEffect(() => {
    const box = log.current;
    if (box === null || !isReady) return;
    if (!hasOpened.current) open(box);
    else if (followsEnd.current) toEnd();
    else if (anchor.current !== null) restore(box, anchor.current);
    remember();
  }, [rows, older, isReady, remember, toEnd]);

  useEffect(() => {
    const box = log.current;
    if (box === null) return;
    const observer = new ResizeObserver(() => {
      if (followsEnd.current) toEnd();
    });
    // The content may grow without a new row, for example when a picture loads.
    for (const part of [box, ...box.children]) observer.observe(part);
    return () => observer.disconnect();
  }, [toEnd]);

  function open(box: HTMLElement): void {
    hasOpened.current = true;
    const divider = box.querySelector('[data-key="unread"]');
    if (divider === null) toEnd();
    else divider.scrollIntoView({ block: 'start' });
  }

  function onScroll(): void {
    remember();
    if ((log.current?.scrollTop ?? 0) < loadOlderDistance) onNearBeginning();
  }

  return { log, isAtEnd, onScroll, toEnd };
}

function firstInView(box: HTMLElement): Anchor | null {
  const { top } = box.getBoundingClientRect();
  for (const row of box.querySelectorAll<HTMLElement>('[data-key]:not(.row-day, .row-unread)')) {
    const rect = row.getBoundingClientRect();
    if (rect.bottom > top) return { key: row.dataset['key'] ?? '', bottom: rect.bottom - top };
  }
  return null;
}

function restore(box: HTMLElement, anchor: Anchor): void {
  const row = box.querySelector(`[data-key="${CSS.escape(anchor.key)}"]`);
  if (row === null) return;
  box.scrollTop += row.getBoundingClientRect().bottom - box.getBoundingClientRect().top - anchor.bottom;
}
