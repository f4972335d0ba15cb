import type { DragEvent } from 'react';

/** For an element onto which files may be dropped. */
export function fileDrop(add: (files: readonly File[]) => void) {
  return {
    onDragOver(event: DragEvent) {
      if (event.dataTransfer.types.includes('Files')) event.preventDefault();
    },
    onDrop(event: DragEvent) {
      const dropped = [...event.dataTransfer.files];
      if (dropped.length === 0) return;
      // The browser would leave the page for the file.
      event.preventDefault();
      add(dropped);
    },
  };
}
