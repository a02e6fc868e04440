"""Source: sniper0110/IntroductionToTensorflow2#1 ("The predictor part regards the class 2 as class 12 mistakenly"),
https://github.com/sniper0110/IntroductionToTensorflow2/issues/1 (the reporter found it himself, the owner agrees)

Seen: training and validation accuracy are high, but the predictor at the end names every picture of
class 2 as class 12, and others wrongly as well.

CAUSE: the folders are called 0, 1, 2, ... 14, and reading from the directory numbers them in the order of
the text (0, 1, 10, 11, 12, 13, 14, 2, ...), so the number of an output is not the number of its folder.
FIX: hand over the list of the classes in the order of the numbers.
"""
import os
import shutil
import sys
import tempfile
import numpy as np
import keras
from keras import layers
from PIL import Image, ImageDraw

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(12)
rng = np.random.default_rng(12)
N_CLASSES, SIZE = 15, 32


def plate(label):
    """Shape (round, triangle, square) and one of five pictograms make the class."""
    big = 64
    img = Image.new("RGB", (big, big), tuple(int(v) for v in rng.integers(40, 200, 3)))
    d = ImageDraw.Draw(img)
    x, y = rng.integers(4, 11, 2)
    s = int(rng.integers(42, 50))
    box = (int(x), int(y), int(x) + s, int(y) + s)
    cx, cy = box[0] + s // 2, box[1] + s // 2
    shape, sign = divmod(label, 5)
    if shape == 0:
        d.ellipse(box, fill=(240, 240, 240), outline=(200, 20, 20), width=5)
    elif shape == 1:
        d.polygon([(cx, box[1] - 4), (box[0] - 4, box[3]), (box[2] + 4, box[3])], fill=(240, 240, 240), outline=(200, 20, 20), width=5)
        cy += 6
    else:
        d.rectangle(box, fill=(30, 80, 190), outline=(240, 240, 240), width=3)
    ink = (250, 250, 250) if shape == 2 else (20, 20, 20)
    if sign == 0:
        d.rectangle((cx - 3, cy - 11, cx + 3, cy + 11), fill=ink)
    elif sign == 1:
        d.rectangle((cx - 11, cy - 3, cx + 11, cy + 3), fill=ink)
    elif sign == 2:
        d.ellipse((cx - 8, cy - 8, cx + 8, cy + 8), fill=ink)
    elif sign == 3:
        d.line((cx - 9, cy - 9, cx + 9, cy + 9), fill=ink, width=6)
    else:
        d.line((cx - 9, cy - 9, cx + 9, cy + 9), fill=ink, width=5)
        d.line((cx - 9, cy + 9, cx + 9, cy - 9), fill=ink, width=5)
    a = np.asarray(img.resize((SIZE, SIZE), Image.BILINEAR), "float32") * rng.uniform(0.5, 1.1) + rng.normal(0, 8, (SIZE, SIZE, 3))
    return Image.fromarray(np.clip(a, 0, 255).astype("uint8"))


root = tempfile.mkdtemp()
for part, n in (("train", 60), ("val", 15), ("test", 10)):
    for label in range(N_CLASSES):
        folder = os.path.join(root, part, str(label))
        os.makedirs(folder)
        for k in range(n):
            plate(label).save(os.path.join(folder, "%05d.png" % k))


def create_generators(batch_size):
    classes = [str(i) for i in range(N_CLASSES)] if GOOD else None
    args = dict(label_mode="categorical", class_names=classes, image_size=(SIZE, SIZE), batch_size=batch_size)
    train = keras.utils.image_dataset_from_directory(os.path.join(root, "train"), shuffle=True, seed=1, **args)
    val = keras.utils.image_dataset_from_directory(os.path.join(root, "val"), shuffle=False, **args)
    return train, val


def streetsigns_model(nbr_classes):
    my_input = keras.Input((SIZE, SIZE, 3))
    x = layers.Rescaling(1 / 255.)(my_input)
    x = layers.Conv2D(32, 3, activation="relu")(x)
    x = layers.MaxPooling2D()(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    x = layers.Conv2D(48, 3, activation="relu")(x)
    x = layers.MaxPooling2D()(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(96, activation="relu")(x)
    return keras.Model(my_input, layers.Dense(nbr_classes, activation="softmax")(x))


train, val = create_generators(16)
model = streetsigns_model(N_CLASSES)
model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
model.fit(train, epochs=7, validation_data=val, verbose=2)


def predict_with_model(model, path):
    image = np.asarray(Image.open(path), "float32")[None]
    return int(np.argmax(model(image, training=False).numpy()))


def named_rightly(part, each):
    hits = []
    for label in range(N_CLASSES):
        folder = os.path.join(root, part, str(label))
        for name in sorted(os.listdir(folder))[:each]:
            hits.append(predict_with_model(model, os.path.join(folder, name)) == label)
    return np.mean(hits)


print("RESULT %s train=%.3f val=%.3f (pictures that the predictor names rightly)" % ("good" if GOOD else "bad", named_rightly("train", 10), named_rightly("test", 10)))
shutil.rmtree(root)
