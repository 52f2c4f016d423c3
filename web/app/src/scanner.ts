// Reads QR codes from the camera: by the browser's own detector where there is one, else by jsQR.
import jsQR from "jsqr";

interface Detector {
  detect(source: CanvasImageSource): Promise<{ rawValue: string }[]>;
}

declare const BarcodeDetector: { new (options: { formats: string[] }): Detector; getSupportedFormats(): Promise<string[]> } | undefined;

async function detector(): Promise<Detector | undefined> {
  if (typeof BarcodeDetector === "undefined") return undefined;
  const formats = await BarcodeDetector.getSupportedFormats().catch((): string[] => []);
  return formats.includes("qr_code") ? new BarcodeDetector({ formats: ["qr_code"] }) : undefined;
}

/** Each text that is seen, until the signal aborts; the camera is let go then. */
export async function* scan(video: HTMLVideoElement, signal: AbortSignal): AsyncGenerator<string> {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: { facingMode: "environment", width: { ideal: 1280 } } });
  try {
    video.srcObject = stream;
    await video.play();
    const native = await detector();
    const canvas = document.createElement("canvas");
    const context = canvas.getContext("2d", { willReadFrequently: true })!;
    while (!signal.aborted) {
      await new Promise((done) => setTimeout(done, 150));
      if (video.readyState < video.HAVE_CURRENT_DATA || video.videoWidth === 0) continue;
      const scale = Math.min(1, 800 / video.videoWidth);
      canvas.width = Math.round(video.videoWidth * scale);
      canvas.height = Math.round(video.videoHeight * scale);
      context.drawImage(video, 0, 0, canvas.width, canvas.height);
      const found = await native?.detect(canvas).catch(() => []);
      const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
      const text = found?.[0]?.rawValue ?? jsQR(pixels.data, canvas.width, canvas.height, { inversionAttempts: "dontInvert" })?.data;
      if (text) yield text;
    }
  } finally {
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
  }
}
