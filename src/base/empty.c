typedef int linnet_empty;
