import type { DragEvent } from 'react';

/** Returns the event handlers for an element that accepts dropped files. */
export function fileDropHandlers(add: (files: readonly File[]) => void) {
  return {
    onDragOver(event: DragEvent) {
      if (event.dataTransfer.types.includes('Files')) event.preventDefault();
    },
    onDrop(event: DragEvent) {
      const dropped = [...event.dataTransfer.files];
      if (dropped.length === 0) return;
      // By default the browser navigates to the file.
      event.preventDefault();
      add(dropped);
    },
  };
}
