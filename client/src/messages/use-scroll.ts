import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react';
import type { Row } from './rows.ts';

/** Closer to the end than this, in pixels, counts as at the end. */
const END_SLACK = 48;
/** Closer to the beginning than this, older messages are asked for. */
const BEGINNING_SLACK = 400;

interface Anchor {
  key: string;
  top: number;
}

export interface Scroll {
  log: RefObject<HTMLDivElement | null>;
  isAtEnd: boolean;
  onScroll: () => void;
  toEnd: (behavior?: ScrollBehavior) => void;
}

interface ScrollOptions {
  rows: readonly Row[];
  /** The first page is there. */
  isReady: boolean;
  /** The beginning of what is loaded came near. */
  onBeginning: () => void;
}

/**
 * Keeps the reader's place: opens at the divider of what is unread, else at the end; stays at the end while new
 * messages come; and otherwise holds still what is in view, whatever is put in above or below.
 */
export function useScroll({ rows, isReady, onBeginning }: ScrollOptions): Scroll {
  const log = useRef<HTMLDivElement>(null);
  const anchor = useRef<Anchor | null>(null);
  const sticksToEnd = useRef(true);
  const hasOpened = useRef(false);
  const [isAtEnd, setAtEnd] = useState(true);

  const note = useCallback(() => {
    const box = log.current;
    if (box === null) return;
    sticksToEnd.current = box.scrollHeight - box.scrollTop - box.clientHeight < END_SLACK;
    anchor.current = firstInView(box);
    setAtEnd(sticksToEnd.current);
  }, []);

  const toEnd = useCallback((behavior: ScrollBehavior = 'auto') => {
    sticksToEnd.current = true;
    log.current?.scrollTo({ top: log.current.scrollHeight, behavior });
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: what was rendered is what changes the layout
  useLayoutEffect(() => {
    const box = log.current;
    if (box === null || !isReady) return;
    if (!hasOpened.current) open(box);
    else if (sticksToEnd.current) toEnd();
    else if (anchor.current !== null) hold(box, anchor.current);
    note();
  }, [rows, isReady, note, toEnd]);

  useEffect(() => {
    const box = log.current;
    if (box === null) return;
    const observer = new ResizeObserver(() => {
      if (sticksToEnd.current) toEnd();
    });
    // What it holds may grow by itself: a picture whose message was there before.
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
    note();
    if ((log.current?.scrollTop ?? 0) < BEGINNING_SLACK) onBeginning();
  }

  return { log, isAtEnd, onScroll, toEnd };
}

function firstInView(box: HTMLElement): Anchor | null {
  const { top } = box.getBoundingClientRect();
  for (const row of box.querySelectorAll<HTMLElement>('[data-key]')) {
    const place = row.getBoundingClientRect();
    if (place.bottom > top) return { key: row.dataset['key'] ?? '', top: place.top - top };
  }
  return null;
}

function hold(box: HTMLElement, anchor: Anchor): void {
  const row = box.querySelector(`[data-key="${CSS.escape(anchor.key)}"]`);
  if (row === null) return;
  box.scrollTop += row.getBoundingClientRect().top - box.getBoundingClientRect().top - anchor.top;
}
