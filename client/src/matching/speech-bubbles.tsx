/** A drawing of two speech bubbles. While searching, they move towards each other and apart again. */
export function SpeechBubbles({ isSearching = false }: { isSearching?: boolean }) {
  return (
    <div className="speech-bubbles" data-searching={isSearching || undefined} aria-hidden="true">
      <svg aria-hidden="true" viewBox="0 0 64 64" className="speech-bubble-left" focusable="false">
        <path d="M32 8c14.4 0 26 10 26 22.5S46.4 53 32 53c-3 0-6-.4-8.7-1.3L10 57l3.3-10.5C8.9 42.5 6 36.8 6 30.5 6 18 17.6 8 32 8Z" />
      </svg>
      <svg aria-hidden="true" viewBox="0 0 64 64" className="speech-bubble-right" focusable="false">
        <path d="M32 8C17.6 8 6 18 6 30.5S17.6 53 32 53c3 0 6-.4 8.7-1.3L54 57l-3.3-10.5c4.4-4 7.3-9.7 7.3-16C58 18 46.4 8 32 8Z" />
      </svg>
    </div>
  );
}
