"""The forty classes and the names of their files."""

# In the order of the labels, which is alphabetical. Names may hold "_": never split on it.
CLASSES = (
    "airplane", "bathtub", "bed", "bench", "bookshelf", "bottle", "bowl", "car", "chair", "cone",
    "cup", "curtain", "desk", "door", "dresser", "flower_pot", "glass_box", "guitar", "keyboard",
    "lamp", "laptop", "mantel", "monitor", "night_stand", "person", "piano", "plant", "radio",
    "range_hood", "sink", "sofa", "stairs", "stool", "table", "tent", "toilet", "tv_stand",
    "vase", "wardrobe", "xbox",
)  # fmt: skip
SPLITS = ("train", "test")
VIEWS = 12  # of every object, one every 30 degrees
